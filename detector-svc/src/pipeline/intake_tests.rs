//! Who gets the next turn.
