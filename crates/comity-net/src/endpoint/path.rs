//! What the transport has measured of the path to a partner.

use std::net::SocketAddr;
use std::time::Duration;

use super::answer;

/// The path of one connection, as QUIC has measured it since the connection opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The partner's address.
    pub remote: SocketAddr,
    /// The smoothed round trip (RFC 9002 section 5.3).
    pub round_trip: Duration,
    /// The shortest round trip.
    pub shortest: Duration,
    /// Bytes of datagrams that were sent.
    pub bytes_sent: u64,
    /// Bytes of datagrams that were received.
    pub bytes_received: u64,
    /// Packets that were sent.
    pub packets_sent: u64,
    /// Of those, packets that are believed lost.
    pub packets_lost: u64,
    /// Bytes in packets that are believed lost.
    pub bytes_lost: u64,
    /// Bytes that may be on their way at once.
    pub window: u64,
    /// Bytes of the largest datagram.
    pub datagram: u16,
}

impl Path {
    pub(super) fn of(connection: &quinn::Connection) -> Self {
        let stats = connection.stats();
        Self {
            remote: answer::canonical(connection.remote_address()),
            round_trip: stats.path.rtt,
            shortest: stats.path.min_rtt,
            bytes_sent: stats.udp_tx.bytes,
            bytes_received: stats.udp_rx.bytes,
            packets_sent: stats.path.sent_packets,
            packets_lost: stats.path.lost_packets,
            bytes_lost: stats.path.lost_bytes,
            window: stats.path.cwnd,
            datagram: stats.path.current_mtu,
        }
    }
}
