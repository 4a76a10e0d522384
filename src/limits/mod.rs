//! Limit errors: evidence in, diagnosis and plain words out.
