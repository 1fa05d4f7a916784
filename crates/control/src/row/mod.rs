//! One SeaORM entity per table: the shape of the rows, private to the control database.
//!
//! Invariants: ids are their raw numbers, instants are milliseconds, money is millionths, enumerations are their
//! codes; every value called `sealed` opens only with the key file.

#![expect(unreachable_pub, reason = "the derive of an entity makes public items that name the row")]

pub(super) mod accepted_hour;
pub(super) mod access_link;
pub(super) mod access_role;
pub(super) mod account;
pub(super) mod account_detail;
pub(super) mod account_terms;
pub(super) mod api_key;
pub(super) mod app_session;
pub(super) mod app_user;
pub(super) mod audience;
pub(super) mod audience_chunk;
pub(super) mod audit_detail;
pub(super) mod audit_line;
pub(super) mod book_balance;
pub(super) mod campaign;
pub(super) mod campaign_course;
pub(super) mod campaign_hold;
pub(super) mod channel;
pub(super) mod channel_settings;
pub(super) mod channel_turn;
pub(super) mod contact;
pub(super) mod contact_tag;
pub(super) mod customer;
pub(super) mod document;
pub(super) mod entity;
pub(super) mod export;
pub(super) mod followed;
pub(super) mod idempotency;
pub(super) mod import;
pub(super) mod import_source;
pub(super) mod key_detail;
pub(super) mod key_use;
pub(super) mod lease;
pub(super) mod login_attempt;
pub(super) mod node;
pub(super) mod notice;
pub(super) mod notice_count;
pub(super) mod partition_grant;
pub(super) mod posting;
pub(super) mod price;
pub(super) mod price_line;
pub(super) mod rejected_row;
pub(super) mod revision;
pub(super) mod route;
pub(super) mod setting;
pub(super) mod source_run;
pub(super) mod tag;
pub(super) mod template;
pub(super) mod transfer;
pub(super) mod webhook;
pub(super) mod webhook_again;
pub(super) mod webhook_log;
pub(super) mod webhook_standing;
