//! Carrier protocols without I/O: PDUs, codecs and session state machines in client and server role.
