//! The API's documents: what goes over the wire as JSON, the same for server and client.
//!
//! Owns names and shapes, which are public and change only by addition. Refuses the domain's types: these are
//! converted by hand, so that neither side moves the other. Requests refuse unknown fields; answers may grow.
//! Documents that hold phones, names or texts have no `Debug`, so that they cannot be logged by accident.

mod access;
mod billing;
mod campaign;
mod channel;
mod code;
mod contact;
mod course;
mod customer;
mod event;
mod export;
mod import;
mod inbound;
mod live;
mod message;
mod moment;
mod money;
mod number;
mod page;
mod preflight;
mod problem;
mod report;
mod route;
mod session;
mod source;
mod suppression;
mod template;
mod webhook;
mod words;

pub use access::{
    Account, AccountChange, AccountCreate, AuditLine, Key, KeyCreate, KeyCreated, Role, RoleCreate, RoleEdit,
    Roles, User, UserEdit, UserInvite, UserInvited, UserReset,
};
pub use billing::{
    AccountBalance, AccountTerms, Holdings, MarginLine, Margins, PaymentCreate, Statement, StatementLine,
    StatementMonth, StatementMonths, Transfer,
};
pub use campaign::{AudienceSource, Campaign, CampaignDraft, CampaignProgress, SuggestedTimes, WindowClose};
pub use channel::{Channel, ChannelEvent, ChannelLive, ChannelPut, ChannelTurn, Channels, Price, Prices};
pub use code::{CodeLine, CodeMeaning, Codes, UnknownCode, UnknownCodes};
pub use contact::{
    Contact, ContactEdit, ContactRejection, ContactUpsert, ContactsUpsert, ContactsUpserted, Tag, Tags,
};
pub use course::{
    CampaignRoute, Canary, CanaryPlan, EndCount, ResendOf, ResendOrder, Resent, RouteAmount, RouteShare,
    StopLimit, StopLimits, Stopped, Unrouted,
};
pub use customer::{CallBack, Customer, CustomerPut, Customers};
pub use event::{Event, EventRecording, Events, Streamed};
pub use export::{Export, ExportCreate};
pub use import::{Column, Import, ImportCounts, ImportStart, ImportUploaded, ProposedColumn};
pub use inbound::Inbound;
pub use live::{CampaignLive, CampaignsLive, ChannelState, ChannelsLive};
pub use message::{
    Message, MessageResult, MessageSend, MessagesAccepted, MessagesSend, SendRefusal, TrailEntry,
};
pub use moment::Moment;
pub use money::Money;
pub use number::{
    CleaningReport, NotOf, NumberQuestion, NumberShown, NumberTable, NumbersImported, Saved, SkippedCampaign,
};
pub use page::Page;
pub use preflight::{
    CampaignFunding, CarrierShare, HeldText, HeldWord, Preflight, ProvinceShare, ReasonCount, Sample,
};
pub use problem::ProblemDocument;
pub use report::{
    Amount, CampaignReport, CarrierAmount, Funnel, MessageReport, ReasonAmount, ReportBy, ReportRow,
};
pub use route::{
    ChannelConsidered, Route, RouteAnswer, RoutePut, RouteQuestion, RouteScope, RouteStep, RouteTried,
    Routes, WeightedChannel,
};
pub use session::{
    Done, Me, PasswordChange, PasswordCreate, SessionCreate, SubjectLink, TotpBegun, TotpConfirm,
    TotpConfirmed, TotpRemove,
};
pub use source::{ImportSource, ImportSourceCreate, ImportSourceEdit, ImportSources, SourcePlace, SourceRun};
pub use suppression::{Suppression, SuppressionCreate, SuppressionLifted};
pub use template::{Preview, PreviewRequest, Template, TemplateAdvice, TemplateCreate};
pub use webhook::{
    Webhook, WebhookCreate, WebhookDelivery, WebhookEdit, WebhookGranted, WebhookHealth, WebhookReplay,
    WebhookRotate, Webhooks,
};
pub use words::{
    CampaignState, CanaryPhase, CanaryThen, Carrier, Category, Charge, ColumnUse, Encoding, ExportFormat,
    ExportOf, ExportState, ImportState, LegalBasis, MessageState, PayMode, Pick, Priority, Reason, RunState,
    Scope, Signing, StopRule, SuppressionSource, TrailEvent, TransferKind,
};
