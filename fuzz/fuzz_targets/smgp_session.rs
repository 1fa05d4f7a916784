#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire_fuzz::smgp_session(data));
