//! Whether values rise or fall from row to row.

use tables::Lane;

use super::asked::place;
use super::{Asked, Ended, Found, Look, keep_first};
use crate::check::Order;

/// Compares each value with the one before it among the rows in question.
#[derive(Debug)]
pub(super) struct OrderLook {
    column: usize,
    order: Order,
    rows: u64,
    failing: u64,
    first: Vec<u64>,
    last_number: Option<i64>,
    last_text: Option<String>,
}

impl OrderLook {
    pub(super) const fn new(column: usize, order: Order) -> Self {
        let (last_number, last_text) = (None, None);
        Self { column, order, rows: 0, failing: 0, first: Vec::new(), last_number, last_text }
    }

    fn found(&mut self, piece_from: u64, failing: &[usize]) {
        self.failing += failing.len() as u64;
        keep_first(&mut self.first, piece_from, failing.iter().copied());
    }
}

/// Whether a value stands wrongly after another.
fn breaks<T: PartialOrd + ?Sized>(order: Order, before: &T, value: &T) -> bool {
    match (order.rising, order.strictly) {
        (true, false) => value < before,
        (true, true) => value <= before,
        (false, false) => value > before,
        (false, true) => value >= before,
    }
}

/// The rows that break the order among numbers of the same order; the last of them is kept.
fn out_of_order(
    order: Order,
    last: &mut Option<i64>,
    numbers: impl Iterator<Item = (usize, i64)>,
) -> Vec<usize> {
    let mut failing = Vec::new();
    for (row, number) in numbers {
        if last.is_some_and(|last| breaks(order, &last, &number)) {
            failing.push(row);
        }
        *last = Some(number);
    }
    failing
}

impl Look for OrderLook {
    fn see(&mut self, asked: &Asked<'_>) {
        let question = asked.there(&[self.column]);
        self.rows += question.count();
        let (order, last) = (self.order, &mut self.last_number);
        let failing = match asked.lane(self.column) {
            Some(Lane::Int(values) | Lane::Time(values)) => {
                let numbers = question.rows().zip(question.pick(values).into_owned());
                out_of_order(order, last, numbers)
            }
            Some(Lane::Real(values)) => {
                let numbers = question.rows().zip(question.pick(values).into_owned());
                out_of_order(order, last, numbers.map(|(row, value)| (row, place(value))))
            }
            Some(Lane::Text(texts)) => {
                let mut failing = Vec::new();
                let mut last = self.last_text.as_deref();
                for row in question.rows() {
                    let text = texts.of_row(row);
                    if last.is_some_and(|last| breaks(order, last, text)) {
                        failing.push(row);
                    }
                    last = Some(text);
                }
                self.last_text = last.map(str::to_owned);
                failing
            }
            _ => Vec::new(),
        };
        self.found(asked.first(), &failing);
    }

    fn end(&mut self) -> Ended {
        Ended::Found(Found::failing(self.rows, self.failing, std::mem::take(&mut self.first)))
    }
}
