//! The fuzz targets' bodies over the corpus and over mutations of it, where libFuzzer is missing.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use crate::fuzz_bodies::{
    cmpp_decode, cmpp_session, concat_header, sgip_decode, sgip_session, smgp_decode, smgp_session,
    smpp_decode, smpp_session,
};

/// Mutations of each corpus entry: some thousands for a target, in about a second.
const MUTATIONS: u64 = 400;

pub(crate) fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "the corpus of {target} is missing");
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A small fixed generator (xorshift), so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % below.max(1)
    }

    fn mutate(&mut self, data: &mut Vec<u8>, others: &[Vec<u8>]) {
        for _ in 0..=self.roll(4) {
            let place = self.roll(data.len());
            match self.roll(6) {
                0 | 1 if !data.is_empty() => data[place] ^= 1 << self.roll(8),
                2 if !data.is_empty() => data[place] = [0, 1, 0x7F, 0x80, 0xFF][self.roll(5)],
                3 => data.truncate(place),
                4 => data.insert(place, u8::try_from(self.roll(256)).unwrap()),
                _ => {
                    let other = &others[self.roll(others.len())];
                    data.extend_from_slice(&other[self.roll(other.len())..]);
                }
            }
        }
    }
}

/// Sets the length field to the real length, so that mutations reach beyond the header check.
fn with_length(mut data: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    if let Some(field) = data.first_chunk_mut::<4>() {
        *field = length.to_be_bytes();
    }
    data
}

fn run(target: &str, body: fn(&[u8]), finish: fn(Vec<u8>) -> Vec<u8>) {
    let corpus = corpus(target);
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for entry in &corpus {
        body(entry);
        for _ in 0..MUTATIONS {
            let mut data = entry.clone();
            dice.mutate(&mut data, &corpus);
            body(&data);
            body(&finish(data));
        }
    }
}

#[test]
fn mutated_pdus_keep_the_decoders_promises() {
    run("cmpp_decode", cmpp_decode, with_length);
    run("sgip_decode", sgip_decode, with_length);
    run("smgp_decode", smgp_decode, with_length);
    run("smpp_decode", smpp_decode, with_length);
}

#[test]
fn mutated_scripts_keep_the_sessions_promises() {
    run("cmpp_session", cmpp_session, |data| data);
    run("sgip_session", sgip_session, |data| data);
    run("smgp_session", smgp_session, |data| data);
    run("smpp_session", smpp_session, |data| data);
}

#[test]
fn mutated_headers_keep_the_walks_promises() {
    run("concat_header", concat_header, |data| data);
}

proptest! {
    #[test]
    fn arbitrary_octets(data in prop::collection::vec(any::<u8>(), 0..300)) {
        cmpp_decode(&data);
        sgip_decode(&data);
        smgp_decode(&data);
        smpp_decode(&data);
        concat_header(&data);
        cmpp_session(&data);
        sgip_session(&data);
        smgp_session(&data);
        smpp_session(&data);
    }

    #[test]
    fn arbitrary_bodies(command in 1_u32..9, answer in any::<bool>(), body in prop::collection::vec(any::<u8>(), 0..300)) {
        let command = if answer { command | 0x8000_0000 } else { command };
        let data = with_length([&[0; 4][..], &command.to_be_bytes(), &[0, 0, 0, 1], &body].concat());
        cmpp_decode(&data);
        sgip_decode(&data);
        smgp_decode(&data);
        smpp_decode(&data);
    }
}
