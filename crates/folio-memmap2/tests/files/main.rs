//! Mappings of files that others truncate and rewrite meanwhile, in processes of their own where they must end or write to
//! stderr.

mod child;
mod closed;
mod configured;
mod followed;
mod forked;
mod grown;
mod huge;
mod kept;
mod limited;
mod lost;
mod privileges;
mod signals;
mod support;
mod threads;
mod unloaded;
