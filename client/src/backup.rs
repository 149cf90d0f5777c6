//! A backup of everything that a server holds, as bytes for a target.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::{Method, header};

use crate::client::Client;
use crate::error::{Error, Result};

impl Client {
    /// Everything that the server holds at one version, less what `request` says that the target has; the answer for
    /// whoever wrote the request.
    ///
    /// The bytes mean something to the receiver of backups of the engine only, which also writes the request.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the server gives as many backups as it allows;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the request is of another version than the server.
    pub async fn backup(&self, request: Vec<u8>) -> Result<impl Stream<Item = Result<Bytes>> + Send + Unpin + use<>> {
        let asked = self.scope.request(Method::POST, &["v1", "backup"]);
        let asked = asked.header(header::CONTENT_TYPE, "application/octet-stream").body(request);
        let response = self.scope.send(asked).await?;
        Ok(response.bytes_stream().map(|chunk| chunk.map_err(Error::from)).boxed())
    }
}
