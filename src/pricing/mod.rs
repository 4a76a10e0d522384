//! What a response costs: the price table and exact integer arithmetic over it.
