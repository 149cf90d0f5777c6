//! COPY: data that go through as bytes, which the engine alone reads and writes.

use marquetry::sql::{CopyIn, CopyOut};

use super::conversation::{Conversation, End, Mode, Progress};
use super::error::WireError;
use super::format::Format;
use super::message::Message;

/// A COPY that takes data.
pub(super) struct Copying {
    /// Until the client says that it is done.
    copy: Option<CopyIn>,
    /// Whether it stands in a simple query, which goes on after it.
    pub(super) in_query: bool,
}

fn format_of(is_binary: bool) -> Format {
    if is_binary { Format::Binary } else { Format::Text }
}

impl Conversation {
    /// Asks for data. They come in messages of their own, so this returns at once.
    pub(super) fn copy_in(&mut self, copy: CopyIn, in_query: bool) -> Progress {
        self.output.copy_response(b'G', format_of(copy.is_binary()), copy.columns());
        self.mode = Mode::Copying(Box::new(Copying { copy: Some(copy), in_query }));
        // Nobody sends data before they are asked for.
        Ok(self.flush()?)
    }

    pub(super) fn answer_copying(&mut self, message: Message<'_>) -> Progress {
        let Mode::Copying(copying) = &mut self.mode else { return Ok(()) };
        let in_query = copying.in_query;
        match message {
            Message::CopyData(bytes) => match &mut copying.copy {
                Some(copy) => Ok(self.session.copy_data(copy, bytes)?),
                None => Ok(()),
            },
            Message::CopyDone => {
                let Some(copy) = copying.copy.take() else { return Ok(()) };
                let tag = self.session.copy_done(copy)?;
                self.complete(&tag)?;
                self.mode = Mode::Listening;
                if in_query { self.run_rest() } else { Ok(()) }
            }
            Message::CopyFail(reason) => match copying.copy.take() {
                Some(copy) => Err(self.session.copy_fail(copy, reason).into()),
                None => Ok(()),
            },
            // A client that sends a pipeline at once has sent them before it knew that it would copy.
            Message::Flush | Message::Sync => Ok(()),
            Message::Terminate => Err(End::Closed.into()),
            _ => Err(WireError::violation("unexpected message type during COPY from stdin").into()),
        }
    }

    /// Gives everything that `copy` has.
    pub(super) fn copy_out(&mut self, mut copy: CopyOut) -> Progress {
        self.output.copy_response(b'H', format_of(copy.is_binary()), copy.columns());
        while let Some(bytes) = copy.next()? {
            self.output.copy_data(&bytes)?;
            self.flush_much()?;
        }
        self.output.copy_done();
        self.complete(&copy.tag())
    }
}
