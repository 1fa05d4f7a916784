//! A carrier in a box: the server role of every protocol with latency, faults, receipts and replies.
