//! Rows of samples kept small: most figures are those of the row before, and the others differ little.
//!
//! Each entry becomes integers, of which only the differences from the row before are kept, as bytes of seven bits; a
//! run of equal ones takes two bytes. Rows are packed in chunks, so that reading one unpacks few others.

use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};

/// What can be kept as integers and got back the same.
pub trait Packed: Sized + Default {
    /// How many.
    const INTEGERS: usize;

    fn pack(&self, put: &mut impl FnMut(i64));

    /// From as many integers.
    fn unpack(take: &mut impl FnMut() -> i64) -> Self;
}

/// Rows in a chunk.
const CHUNK: usize = 64;

/// Rows of the same number of entries each.
#[derive(Debug)]
pub struct PackedRows<T> {
    width: usize,
    rows: usize,
    full: Vec<Box<[u8]>>,
    /// The chunk that grows, and its last row.
    growing: Vec<u8>,
    last: Vec<i64>,
    /// Zeros that are yet to be written.
    equal: u64,
    row: Vec<i64>,
    read: Mutex<Option<Chunk<T>>>,
    of: PhantomData<T>,
}

/// An unpacked chunk.
#[derive(Debug)]
struct Chunk<T> {
    index: usize,
    entries: Arc<[T]>,
}

/// One row.
#[derive(Debug)]
pub struct Row<T> {
    entries: Arc<[T]>,
    range: Range<usize>,
}

impl<T> Deref for Row<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.entries[self.range.clone()]
    }
}

impl<T> Default for PackedRows<T> {
    fn default() -> PackedRows<T> {
        PackedRows {
            width: 0,
            rows: 0,
            full: Vec::new(),
            growing: Vec::new(),
            last: Vec::new(),
            equal: 0,
            row: Vec::new(),
            read: Mutex::new(None),
            of: PhantomData,
        }
    }
}

impl<T: Packed> PackedRows<T> {
    pub fn of_width(width: usize) -> PackedRows<T> {
        PackedRows { width, ..PackedRows::default() }
    }

    /// Appends a row: of `entries` as many as a row has, and defaults where there are fewer.
    pub fn push(&mut self, entries: impl Iterator<Item = T>) {
        self.read.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if self.rows > 0 && self.rows.is_multiple_of(CHUNK) {
            self.end_chunk();
        }
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        for entry in entries.take(self.width) {
            entry.pack(&mut |integer| row.push(integer));
        }
        while row.len() < self.width * T::INTEGERS {
            T::default().pack(&mut |integer| row.push(integer));
        }
        self.last.resize(row.len(), 0);
        for (integer, before) in row.iter().zip(&self.last) {
            let difference = integer.wrapping_sub(*before);
            if difference == 0 {
                self.equal += 1;
                continue;
            }
            write_equal(&mut self.growing, &mut self.equal);
            write(&mut self.growing, zigzag(difference));
        }
        self.row = std::mem::replace(&mut self.last, row);
        self.rows += 1;
    }

    fn end_chunk(&mut self) {
        write_equal(&mut self.growing, &mut self.equal);
        self.full.push(self.growing.as_slice().into());
        self.growing.clear();
        self.last.fill(0);
    }

    /// The entries of a row that was pushed.
    pub fn row(&self, row: usize) -> Row<T> {
        debug_assert!(row < self.rows);
        let index = row / CHUNK;
        let from = row % CHUNK * self.width;
        let range = from..from + self.width;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chunk) = read.as_ref().filter(|chunk| chunk.index == index) {
            return Row { entries: Arc::clone(&chunk.entries), range };
        }
        let entries = self.unpack(index);
        *read = Some(Chunk { index, entries: Arc::clone(&entries) });
        Row { entries, range }
    }

    fn unpack(&self, index: usize) -> Arc<[T]> {
        let rows = (self.rows - index * CHUNK).min(CHUNK);
        let integers = self.width * T::INTEGERS;
        let mut bytes = self.full.get(index).map_or(&self.growing[..], |chunk| chunk).iter().copied();
        let (mut row, mut entries, mut equal) = (vec![0i64; integers], Vec::with_capacity(rows * self.width), 0u64);
        for _ in 0..rows {
            for integer in &mut row {
                if equal == 0 {
                    match read(&mut bytes) {
                        // What is not written yet is equal too.
                        None => equal = u64::MAX,
                        Some(0) => equal = read(&mut bytes).unwrap_or(u64::MAX),
                        Some(difference) => {
                            *integer = integer.wrapping_add(unzigzag(difference));
                            continue;
                        }
                    }
                }
                equal -= 1;
            }
            let mut next = row.iter().copied();
            let mut take = || next.next().unwrap_or(0);
            entries.extend((0..self.width).map(|_| T::unpack(&mut take)));
        }
        entries.into()
    }
}

/// Small for numbers near zero, whatever their sign.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A zero, which no difference is, and how many.
fn write_equal(bytes: &mut Vec<u8>, equal: &mut u64) {
    if *equal > 0 {
        bytes.push(0);
        write(bytes, std::mem::take(equal));
    }
}

fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes.next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

impl Packed for u32 {
    const INTEGERS: usize = 1;

    fn pack(&self, put: &mut impl FnMut(i64)) {
        put(i64::from(*self));
    }

    fn unpack(take: &mut impl FnMut() -> i64) -> u32 {
        take() as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    struct Pair(i64, i64);

    impl Packed for Pair {
        const INTEGERS: usize = 2;

        fn pack(&self, put: &mut impl FnMut(i64)) {
            put(self.0);
            put(self.1);
        }

        fn unpack(take: &mut impl FnMut() -> i64) -> Pair {
            Pair(take(), take())
        }
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(
            width in 0usize..4,
            numbers in prop::collection::vec(prop_oneof![3 => Just(0i64), 2 => -3i64..3, 1 => any::<i64>()], 0..900),
        ) {
            let pairs: Vec<Pair> = numbers.chunks_exact(2).map(|pair| Pair(pair[0], pair[1])).collect();
            let rows: Vec<&[Pair]> = pairs.chunks_exact(width.max(1)).collect();
            let mut packed = PackedRows::of_width(width);
            for (index, row) in rows.iter().enumerate() {
                packed.push(row.iter().copied());
                let entries = packed.row(index);
                prop_assert_eq!(&entries[..], &row[..width]);
            }
            for (index, row) in rows.iter().enumerate().rev() {
                prop_assert_eq!(&packed.row(index)[..], &row[..width]);
            }
        }
    }

    #[test]
    fn what_stays_the_same_takes_next_to_nothing() {
        let mut packed = PackedRows::of_width(100);
        (0..64_000).for_each(|row| packed.push((0..100).map(|entry| Pair(entry, i64::from(row == 5)))));
        let bytes: usize = packed.full.iter().map(|chunk| chunk.len()).sum();
        assert!(bytes < 1_000 * 400, "{bytes}");
        assert_eq!(packed.row(5)[99], Pair(99, 1));
    }
}
