//! The positions of what has a name of its own: offers, campaigns, pools.
//!
//! A directory stands beside the shelf of the records and gives the same positions. It has the names once more, so that
//! to find one among ten thousand touches none of the records. Filled by the state alone.

use super::{Index, TextHash, fetch};
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;

#[derive(Debug, Default)]
pub(crate) struct Directory {
    index: Index,
    names: Vec<Box<[u8]>>,
}

impl Directory {
    /// The position of a name.
    #[inline]
    pub(crate) fn find(&self, hash: TextHash, name: Text<'_>) -> Option<u32> {
        self.index.find(hash, |at| self.name(at) == name)
    }

    /// A position whose name has this hash; which name, is not looked at.
    #[inline]
    pub(crate) fn find_likely(&self, hash: TextHash) -> Option<u32> {
        self.index.find(hash, |_| true)
    }

    /// Asks memory for the place of a hash.
    #[inline]
    pub(crate) fn fetch_place(&self, hash: TextHash) {
        self.index.fetch_place(hash);
    }

    /// Asks memory for what leads to the name of a position.
    #[inline]
    pub(crate) fn fetch_way(&self, at: u32) {
        fetch(&self.names[at as usize]);
    }

    /// Asks memory for the name of a position, once what leads there is at hand.
    #[inline]
    pub(crate) fn fetch_name(&self, at: u32) {
        self.names[at as usize].first().into_iter().for_each(fetch);
    }

    /// The name of a position.
    #[inline]
    pub(crate) fn name(&self, at: u32) -> Text<'_> {
        Text::stored(&self.names[at as usize])
    }

    /// Gives the next position to a name that has none.
    pub(crate) fn push(&mut self, hash: TextHash, name: Text<'_>) -> u32 {
        let at = self.names.len() as u32;
        self.names.push(name.as_bytes().into());
        self.index.insert(hash, at);
        at
    }
}
