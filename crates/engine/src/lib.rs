//! The running system: accept, dispatch, settle, receipts, inbound, campaigns, imports, preflight.
