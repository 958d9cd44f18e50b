//! What a node is asked and what it answers, as data: the shapes of the local interface and of the
//! command line's `--json`.
//!
//! Ids are hexadecimal, times are RFC 3339 in UTC, labels and kinds are the words that people use.
//! Times and ids are strings here; [`crate::service`] reads them.

mod approvals;
mod assessing;
mod audit;
mod comparing;
mod consents;
mod drafts;
mod emergencies;
mod erasing;
mod explanation;
mod exporting;
mod groups;
mod guard;
mod keys;
mod node;
mod part_names;
mod partners;
mod publishing;
mod quarantine;
mod records;
mod review;
mod roots;
mod searching;
mod staff;
mod trouble;
mod withdrawals;

pub use approvals::{
    ApprovalLine, ApprovalNeed, ApprovalReport, ApprovalSaid, ApproveRequest, Approved,
};
pub use assessing::{
    AssessRequest, AssessedLine, AssessmentLine, CameLine, CorroboratingLine, Corroboration,
    CorroborationLine, ImportLine, ImportedLine, LookedAt, OriginLine, ProvenanceLine,
};
pub use audit::{
    AuditChain, AuditConsent, AuditDelivery, AuditFile, AuditOutside, AuditStep, AuditTold,
    AuditWho, AuditWithheld, FileLine, TermsLine, ToldRequest, WrongRequest,
};
pub use comparing::{
    AgreementDiff, DiffAgainst, DiffCount, DiffEffect, DiffExample, DiffLine, DiffRequest,
    DiffSide, DiffedSide, TermsDifference,
};
pub use consents::{
    ConsentAskRequest, ConsentDone, ConsentGrantRequest, ConsentLine, ConsentOpens, ConsentPart,
    ConsentRefuseRequest, ConsentWithdrawRequest, GrantedLine,
};
pub use drafts::{DraftDetail, DraftLine, DraftsRequest, NewDraft};
pub use emergencies::{
    EmergencyAnswer, EmergencyConfirmRequest, EmergencyDue, EmergencyKeyMade, EmergencyKeyRequest,
    EmergencyLine, EmergencyPart, EmergencyRequest,
};
pub use erasing::{
    BackupLine, Backups, Certificate, EraseRequest, ErasedLine, Erasing, ErasingHolder,
    ErasingPart, LegalHoldLine, LegalHoldRequest, RetentionDueRequest, RetentionLine,
};
pub use explanation::{
    CONSTITUENTS, ExplainRequest, Explained, ExplainedChange, ExplainedGate, ExplainedPart,
    ExplainedPartner, PUBLIC,
};
pub use exporting::{
    BooksFault, BooksLine, BooksVerified, ExportEvent, ExportLine, ExportPartner, ExportRecord,
    ExportRequest, ExportWhat, KeyringFile,
};
pub use groups::{
    AffiliateRequest, AffiliationLine, ApplicationLine, ApplyRequest, CriterionLine, GroupDetail,
    GroupDone, GroupLine, GroupRequest, MemberLine, RosterLine, VoteLine,
};
pub use guard::{GuardList, GuardPart, GuardPass, GuardReport, GuardRequest};
pub use keys::{
    AffirmRequest, Affirmed, FallLine, KeyLine, RevokeRequest, Revoked, RootPassphrase,
    RotateRequest, SignedLine,
};
pub use node::{AlarmLine, AwaitedLine, ClockState, Event, Status};
pub use part_names::PartName;
pub(crate) use part_names::is_front;
pub use partners::{
    AgreementDoubt, AgreementLine, AgreementTexts, Ceremony, ContestedLine, DeadlineLine,
    IntakeLine, IntroductionLine, Invitation, InvitationLine, PartnerLine, PartnerUpdate, PathLine,
    Pinged,
};
pub use publishing::{
    AddresseeRequest, BoundTogether, Cell, EmbargoRequest, MarkingFields, NoPartner, PartRequest,
    Preview, PreviewPart, PublishRequest, Published, TakesOn, UnawareLine,
};
pub use quarantine::{
    HoldLine, QuarantineLine, QuarantineRequest, RuleRequest, RuleVerdict, RuledLine, RulingLine,
};
pub use records::{
    EndLine, LeftOut, ListRequest, PartDetail, RecordDetail, RecordFile, RecordFileRequest,
    RecordLine,
};
pub use review::{
    ClockReview, GivenReview, KeyReview, KeysReview, PartnerReview, QuarantineReview,
    RequestReview, TakenReview, WithdrawalReview,
};
pub use roots::{Hears, NextRootFile, RootPartner, RootRotated, RotateRootRequest, SealedKeys};
pub use searching::{
    About, AuditFound, AuditPartner, AuditPartnerRequest, AuditSent, FileDigest, FoundPart,
    SearchDone, SearchLine, SearchRequest,
};
pub use staff::{
    AloneFields, ReadLine, ReadsRequest, RecogniseRequest, Recognised, StaffAddRequest, StaffAdded,
    StaffLeaveRequest, StaffLeft, StaffLine, StaffPassphrase, UnclaimedKey,
};
pub use trouble::TroubleKind;
pub use withdrawals::{AnswerLine, DueLine, RecallLine, RefusalRequest};
