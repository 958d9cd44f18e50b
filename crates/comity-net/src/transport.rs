//! How QUIC is set up.

use std::sync::Arc;

use quinn::{IdleTimeout, TransportConfig, VarInt};
use quinn_proto::HashedConnectionIdGenerator;

use crate::config::EndpointSecrets;
use crate::congestion::Factory;
use crate::limits;
use crate::tls::{self, Gate, KeyExchange, TlsError};

/// The name that a client gives for the server. It is never sent.
pub(crate) const SERVER_NAME: &str = "comity.invalid";

pub(crate) fn endpoint(secrets: &EndpointSecrets) -> quinn::EndpointConfig {
    let reset_key =
        aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secrets.reset_key.as_slice());
    let connection_id_key = secrets.connection_id_key;
    let mut config = quinn::EndpointConfig::new(Arc::new(reset_key));
    config
        .cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(connection_id_key)));
    config
}

pub(crate) fn server(
    gate: Arc<Gate>,
    exchange: KeyExchange,
    factory: Factory,
) -> Result<quinn::ServerConfig, TlsError> {
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls::server(gate, exchange)?));
    let mut transport = transport(factory);
    // The dialer opens the control stream, and no second one. Until it has proved itself it may do
    // no more, and send little: [`admit`] follows.
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .receive_window(VarInt::from_u32(limits::STRANGER_WINDOW));
    config
        .transport_config(Arc::new(transport))
        .max_incoming(limits::INCOMING)
        .incoming_buffer_size(limits::INCOMING_BYTES)
        .incoming_buffer_size_total(limits::INCOMING_BYTES * limits::INCOMING as u64);
    // Nothing is kept from one connection for the next: each validates its address anew.
    config.validation_token.sent(0);
    Ok(config)
}

/// Lets a partner that has proved itself use all that a link may.
pub(crate) fn admit(connection: &quinn::Connection) {
    connection.set_receive_window(VarInt::from_u32(limits::CONNECTION_WINDOW));
    connection.set_max_concurrent_uni_streams(incoming_streams());
}

pub(crate) fn client(config: &mut quinn::ClientConfig, factory: Factory) {
    let mut transport = transport(factory);
    transport.max_concurrent_bidi_streams(VarInt::from_u32(0));
    transport.keep_alive_interval(Some(limits::KEEP_ALIVE));
    config.transport_config(Arc::new(transport));
}

fn transport(factory: Factory) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle = u32::try_from(limits::IDLE.as_millis()).unwrap_or(u32::MAX);
    transport
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle))))
        .stream_receive_window(VarInt::from_u32(limits::STREAM_WINDOW))
        .receive_window(VarInt::from_u32(limits::CONNECTION_WINDOW))
        .send_window(limits::SEND_WINDOW)
        .max_concurrent_uni_streams(incoming_streams())
        .datagram_receive_buffer_size(None)
        // In turns, all chunks of a part would arrive at its end, and a break would lose each of them.
        .send_fairness(false)
        .congestion_controller_factory(Arc::new(factory));
    transport
}

fn incoming_streams() -> VarInt {
    u32::try_from(limits::INCOMING_STREAMS).unwrap_or(u32::MAX).into()
}
