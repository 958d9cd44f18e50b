//! The engine of one node, and scripted partners that do what no node of ours would.
//!
//! One binary: each of these alone would link the whole node again.

mod agreements;
mod amendments;
mod approvals;
mod assessing;
mod bounds;
mod bounds_consents;
mod bounds_groups;
mod bounds_keyrings;
mod bounds_records;
mod bounds_withdrawn;
mod consents;
mod consents_going;
mod discretion;
mod dropping;
mod egress;
mod emergencies;
mod erasing;
mod full_disk;
mod greeting;
mod groups;
mod head_claims;
mod heads;
mod hostile_deliveries;
mod hostile_ledgers;
mod intake;
mod judging;
mod keyrings;
mod late_parts;
mod leaving;
mod look_alikes;
mod receipts;
mod redaction;
mod resuming;
mod returned;
mod sources;
mod strangers;
mod surely;
mod terms;
mod torn;
mod unsend;
mod withdrawals;
