//! Profiles as they lie in the database: JSON packed by zstd, bins without their edges.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::{Deserialize, Serialize};
use stats::{Edges, Profile, Values};

use super::{Examples, Shape, StretchProfile};
use crate::error::Error;

/// No profile is larger than this when unpacked.
const MOST_BYTES: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Packed {
    rows: u64,
    failed: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    columns: BTreeMap<String, PackedColumn>,
    latency: Option<Profile>,
    examples: Examples,
}

#[derive(Serialize, Deserialize)]
struct PackedColumn {
    profile: Profile,
    /// Rows by bin of the shape's edges, as pairs: so many bins without rows, then the rows of the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counts: Option<Vec<u64>>,
}

impl StretchProfile {
    /// Packs it.
    ///
    /// # Errors
    /// When memory is short.
    pub fn pack(&self) -> Result<Vec<u8>, Error> {
        let columns = self.columns.iter().map(|(name, profile)| {
            let mut profile = profile.clone();
            let bins = match &mut profile.values {
                Values::Numbers(numbers) => numbers.bins.take(),
                Values::Texts(_) => None,
            };
            (name.clone(), PackedColumn { profile, counts: bins.map(|bins| sparse(bins.counts())) })
        });
        let packed = Packed {
            rows: self.rows,
            failed: self.failed,
            first: self.first,
            last: self.last,
            columns: columns.collect(),
            latency: self.latency.clone(),
            examples: self.examples.clone(),
        };
        zstd::bulk::compress(&serde_json::to_vec(&packed)?, 3)
            .map_err(|cause| Error::Profile { problem: cause.to_string() })
    }

    /// Unpacks it; `shape` is the one by which it was counted.
    ///
    /// # Errors
    /// [`Error::Profile`] when it is not what [`Self::pack`] made.
    pub fn unpack(bytes: &[u8], shape: &Shape) -> Result<Self, Error> {
        let broken = |problem: String| Error::Profile { problem };
        let json = zstd::bulk::decompress(bytes, MOST_BYTES).map_err(|cause| broken(cause.to_string()))?;
        let packed: Packed = serde_json::from_slice(&json).map_err(|cause| broken(cause.to_string()))?;
        let columns = packed.columns.into_iter().map(|(name, column)| {
            let mut profile = column.profile;
            let edges = shape.edges.get(&name);
            if let (Values::Numbers(numbers), Some(counts), Some(edges)) =
                (&mut profile.values, column.counts, edges)
            {
                numbers.bins = dense(&counts, edges).and_then(|counts| edges.with_counts(counts));
                if numbers.bins.is_none() {
                    return Err(broken(format!("the counts of `{name}` do not fit its bins")));
                }
            }
            Ok((name, profile))
        });
        Ok(Self {
            rows: packed.rows,
            failed: packed.failed,
            first: packed.first,
            last: packed.last,
            columns: columns.collect::<Result<_, Error>>()?,
            latency: packed.latency,
            examples: packed.examples,
        })
    }
}

/// Pairs of how many empty bins come before one, and its count.
fn sparse(counts: &[u64]) -> Vec<u64> {
    let mut pairs = Vec::new();
    let mut empty = 0;
    for count in counts {
        if *count == 0 {
            empty += 1;
        } else {
            pairs.extend([empty, *count]);
            empty = 0;
        }
    }
    pairs
}

fn dense(pairs: &[u64], edges: &Edges) -> Option<Vec<u64>> {
    let mut counts = vec![0; edges.cuts().len() + 1];
    let mut place = 0_usize;
    for pair in pairs.chunks(2) {
        let [empty, count] = pair else { return None };
        place = place.checked_add(usize::try_from(*empty).ok()?)?;
        *counts.get_mut(place)? = *count;
        place += 1;
    }
    Some(counts)
}
