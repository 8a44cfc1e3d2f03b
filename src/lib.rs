//! Why did this ECS task stop, and who stopped it?
//!
//! **Sources gather evidence; the diagnosis reads it; renderers tell it.**
//! Modules stand in the order worth reading them in.

pub mod cli;
pub mod diagnosis;
#[cfg(test)]
mod fuzz;
pub mod render;
pub mod sources;
