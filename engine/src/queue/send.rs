//! Sending: a message is there when the transaction commits.

use super::Queues;
use super::message::{Content, MessageId, NewMessage};
use super::open::OpenQueue;
use crate::error::{Error, Result};
use crate::kv::Transaction;
use crate::limits::{QUEUE_HEADERS_SIZE_BYTES_MAX, QUEUE_TEXT_SIZE_BYTES_MAX};

impl Queues<'_, Transaction> {
    /// Sends `message` when the transaction commits; its id, or that of the message sent before under the same
    /// deduplication id.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue; `LimitExceeded` when the message is larger than the queue takes;
    /// `Invalid` when it has both a delay and a time.
    pub fn send(&self, queue: &str, message: impl Into<NewMessage>) -> Result<MessageId> {
        let queue = self.open(queue)?;
        self.atomically(|| queue.send(message.into()))
    }

    /// Sends all of `messages` when the transaction commits; their ids in the same order.
    ///
    /// # Errors
    /// As [`Queues::send`]; then none of them is sent.
    pub fn send_many(&self, queue: &str, messages: impl IntoIterator<Item = NewMessage>) -> Result<Vec<MessageId>> {
        let queue = self.open(queue)?;
        self.atomically(|| messages.into_iter().map(|message| queue.send(message)).collect())
    }
}

impl OpenQueue<'_> {
    fn send(&self, message: NewMessage) -> Result<MessageId> {
        self.verify(&message)?;
        let now = self.now();
        let ready_at = message.ready_at.map_or_else(|| now.after(message.delay), |time| time.max(now));
        let content =
            Content { sent_at: now, headers: message.headers, origin: None, body: message.body.into_stored()? };
        self.verify_size(&content)?;
        let Some(id) = message.deduplication_id else { return self.insert(&content, ready_at, message.group) };
        if let Some(sent) = self.sent_before(&id)? {
            return Ok(sent);
        }
        let sent = self.insert(&content, ready_at, message.group)?;
        self.remember_sent(&id, sent)?;
        Ok(sent)
    }

    fn verify(&self, message: &NewMessage) -> Result<()> {
        if message.ready_at.is_some() && !message.delay.is_zero() {
            return Err(Error::invalid("a message has either a delay or a time; give one of them"));
        }
        verify_text("group", message.group.as_deref())?;
        verify_text("deduplication id", message.deduplication_id.as_deref())?;
        let size = headers_size_bytes(&message.headers);
        if size > QUEUE_HEADERS_SIZE_BYTES_MAX {
            return Err(Error::limit_exceeded(format!(
                "the headers are {size} bytes long and the limit is {QUEUE_HEADERS_SIZE_BYTES_MAX}; send them in the body"
            )));
        }
        Ok(())
    }

    fn verify_size(&self, content: &Content) -> Result<()> {
        let size = content.body.size_bytes() + headers_size_bytes(&content.headers);
        let size_max = self.settings().message_size_bytes_max;
        match size > size_max {
            true => Err(Error::limit_exceeded(format!(
                "the message is {size} bytes long and queue {:?} takes {size_max}; put the bytes into a bucket and send \
                 their name",
                self.name
            ))),
            false => Ok(()),
        }
    }
}

fn headers_size_bytes(headers: &std::collections::BTreeMap<String, String>) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// Refuses a text that is empty or too long.
pub(super) fn verify_text(what: &str, text: Option<&str>) -> Result<()> {
    match text.map(str::len) {
        Some(0) => Err(Error::invalid(format!("the {what} is empty; leave it out or give it at least one character"))),
        Some(length) if length > QUEUE_TEXT_SIZE_BYTES_MAX => Err(Error::limit_exceeded(format!(
            "the {what} is {length} bytes long and the limit is {QUEUE_TEXT_SIZE_BYTES_MAX}; use a shorter one"
        ))),
        _ => Ok(()),
    }
}
