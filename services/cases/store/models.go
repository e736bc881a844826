package store

import (
	"encoding/json"
	"math"
	"time"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
)

// policyRow is a published version of a merchant's policy.
type policyRow struct {
	MerchantID  string
	Version     int64
	Document    database.JSON[domain.PolicySpec]
	PublishedAt database.Time
}

// TableName implements GORM's Tabler.
func (policyRow) TableName() string { return "policies" }

// applicationRow is what was asked, and by which key.
type applicationRow struct {
	MerchantID     string
	CaseID         string
	IdempotencyKey string
	ContentHash    string
	ApplicantRole  string
	ApplicantID    string
	BuyerID        string
	OrderID        string
	Type           string
	Reason         string
	Channel        string
	RequestedLines database.JSON[[]domain.LineQuantity]
	// Text is sealed, see textAt.
	Text        string
	EvidenceIDs database.JSON[[]string] `gorm:"column:evidence_ids"`
	CreatedAt   database.Time
	// ForgottenAt is when texts and photos of the case were dropped.
	ForgottenAt database.NullTime
}

// TableName implements GORM's Tabler.
func (applicationRow) TableName() string { return "applications" }

func (r applicationRow) application(text string) domain.Application {
	return domain.Application{
		Applicant: domain.Actor{Role: r.ApplicantRole, ID: r.ApplicantID},
		BuyerID:   r.BuyerID, OrderID: r.OrderID, Type: r.Type, Reason: domain.Reason(r.Reason), Channel: r.Channel,
		Lines: r.RequestedLines.V, Text: text, EvidenceIDs: r.EvidenceIDs.V,
	}
}

// judgementRow pins what a case was judged to.
type judgementRow struct {
	MerchantID    string
	CaseID        string
	PolicyVersion int64
	Document      database.JSON[domain.Judgement]
	JudgedAt      database.Time
}

// TableName implements GORM's Tabler.
func (judgementRow) TableName() string { return "judgements" }

// noDeadline is the deadline of a case that has none, so that it comes last by deadline.
const noDeadline = math.MaxInt64

func deadlineOf(t time.Time) int64 {
	if t.IsZero() {
		return noDeadline
	}
	return t.UnixMicro()
}

// Case is a case as it stands.
type Case struct {
	MerchantID     string
	CaseID         string
	OrderID        string
	BuyerID        string
	Type           string
	Reason         string
	Channel        string
	Stage          string
	Status         string
	Outcome        string
	Deadline       int64
	Awaiting       domain.Roles
	NeedsAttention int64
	// AttentionReason is why, empty unless it needs attention.
	AttentionReason string
	TrackingNumber  string
	// Document is the state as the last step gave it.
	Document document
	Version  int64
	// Fence is that of the last step; touched changes when the row is taken without a step.
	Fence     int64
	Touched   int64
	OpenedAt  database.Time
	UpdatedAt database.Time
	ClosedAt  database.NullTime
}

// TableName implements GORM's Tabler.
func (Case) TableName() string { return "cases" }

// Details is a case with what was asked and how it was judged.
type Details struct {
	Case
	Text        string
	EvidenceIDs database.JSON[[]string] `gorm:"column:evidence_ids"`
	// Judgement is nil until the case is judged.
	Judgement database.JSON[*domain.Judgement]
}

// document is JSON that is kept as it came.
type document = database.JSON[json.RawMessage]

// entryRow is a line of a timeline.
type entryRow struct {
	MerchantID string
	CaseID     string
	Number     int64
	Type       string
	At         database.Time
	ActorRole  string
	ActorID    string
	Rules      database.JSON[[]string]
	NoteID     string
	Audience   string
	Data       database.JSON[map[string]any]
	EntryHash  string
}

// TableName implements GORM's Tabler.
func (entryRow) TableName() string { return "entries" }

func (r entryRow) entry() domain.Entry {
	return domain.Entry{
		Number: r.Number, Type: r.Type, At: r.At.Time, Actor: domain.Actor{Role: r.ActorRole, ID: r.ActorID},
		Rules: r.Rules.V, NoteID: r.NoteID, Audience: r.Audience, Data: r.Data.V,
	}
}

// noteRow is free text under an id, sealed.
type noteRow struct {
	MerchantID     string
	NoteID         string
	CaseID         string
	IdempotencyKey string
	ContentHash    string
	AuthorRole     string
	AuthorID       string
	Text           string
	EvidenceIDs    database.JSON[[]string] `gorm:"column:evidence_ids"`
	CreatedAt      database.Time
}

// TableName implements GORM's Tabler.
func (noteRow) TableName() string { return "notes" }

// Evidence is what is known of a photo; the photo itself is in the bucket under BlobKey.
type Evidence struct {
	MerchantID  string
	EvidenceID  string
	Role        string
	ActorID     string
	CaseID      string
	ContentType string
	SizeBytes   int64
	Width       int64
	Height      int64
	BlobKey     string
	UploadedAt  database.Time
}

// TableName implements GORM's Tabler.
func (Evidence) TableName() string { return "evidence" }
