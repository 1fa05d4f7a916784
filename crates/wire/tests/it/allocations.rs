//! Decoding allocates nothing, counted by the allocator of this test binary.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use wire::{cmpp, sgip, smgp, smpp};

use crate::vectors::{self, corpus, octets};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "an allocator can only be written so; it hands everything to the system's")]
// SAFETY: every call is handed unchanged to the system's allocator, whose contract is the same.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(body: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    body();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(black_box(vec![1, 2, 3]))) >= 1);
}

#[test]
fn answers_and_reports_are_decoded_without_an_allocation() {
    let (answer, report) = (octets(vectors::C10), octets(vectors::C15));
    let sgip = [corpus("sgip_decode", "G05"), corpus("sgip_decode", "G08"), corpus("sgip_decode", "G03")];
    let (smgp, smgp_report) = (corpus("smgp_decode", "M04"), corpus("smgp_decode", "M12"));
    let (smpp, smpp_receipt) = (corpus("smpp_decode", "P08"), corpus("smpp_decode", "P10"));
    let counted = allocations(|| {
        black_box(cmpp::decode(&answer, cmpp::Version::V30).unwrap());
        let (_, cmpp::Pdu::Deliver(deliver)) = cmpp::decode(&report, cmpp::Version::V20).unwrap() else {
            panic!("a report")
        };
        black_box(cmpp::Report::decode(deliver.content).unwrap());
        for pdu in &sgip {
            black_box(sgip::decode(pdu).unwrap());
        }
        black_box(smgp::decode(&smgp, smgp::Version::V30).unwrap());
        black_box(smgp::Report::decode(wire::Content(&smgp_report)).unwrap());
        black_box(smpp::decode(&smpp).unwrap());
        let (_, smpp::Pdu::DeliverSm(deliver)) = smpp::decode(&smpp_receipt).unwrap() else {
            panic!("a receipt")
        };
        black_box(smpp::Receipt::of(&deliver).unwrap());
    });
    assert_eq!(counted, 0);
}
