//! How strongly a key is locked: the four modes in which PostgreSQL locks rows, and what goes together.
//!
//! ```text
//!                 KeyShare  Share  NoKeyUpdate  Update
//!   KeyShare                                      x        a row refers to this one: it must stay, and keep its key
//!   Share                             x           x        the row must stay as it is
//!   NoKeyUpdate             x         x           x        the row is changed, and keeps its key
//!   Update          x       x         x           x        the row is removed, or gets another key
//! ```

/// How strongly a key is locked, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// The key must not be removed; goes together with changes of its value.
    KeyShare,
    /// The value must not change. Also the shared mode of advisory locks.
    Share,
    /// The value is going to be changed, the key stays.
    NoKeyUpdate,
    /// The key is going to be removed. Also the exclusive mode of advisory locks.
    Update,
}

impl LockMode {
    /// Every mode, from the weakest to the strongest.
    pub const ALL: [LockMode; 4] = [LockMode::KeyShare, LockMode::Share, LockMode::NoKeyUpdate, LockMode::Update];

    /// Whether two owners cannot hold these at one key at the same time.
    ///
    /// Each mode conflicts with all that a weaker one conflicts with, so whoever holds one has the weaker ones, too.
    pub fn conflicts_with(self, other: LockMode) -> bool {
        // The two diagonals of the table above: the places of the modes, counted from 0, add up to 3 or more.
        self as usize + other as usize >= LockMode::ALL.len() - 1
    }

    /// The mode that a commit needs which sets or removes a key.
    pub(crate) fn of_change(is_set: bool) -> LockMode {
        match is_set {
            true => LockMode::NoKeyUpdate,
            false => LockMode::Update,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LockMode::{self, KeyShare, NoKeyUpdate, Share, Update};

    #[test]
    fn the_matrix_is_that_of_postgresql() {
        let conflicting = [
            (KeyShare, Update),
            (Share, NoKeyUpdate),
            (Share, Update),
            (NoKeyUpdate, NoKeyUpdate),
            (NoKeyUpdate, Update),
            (Update, Update),
        ];
        for left in LockMode::ALL {
            for right in LockMode::ALL {
                let expected = conflicting.contains(&(left, right)) || conflicting.contains(&(right, left));
                assert_eq!(left.conflicts_with(right), expected, "{left:?} and {right:?}");
            }
        }
    }
}
