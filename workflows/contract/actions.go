package contract

import "aftercare.dev/services/platform/money"

// Action is something a person does on a case: the name of the update that carries it, of the operation in the API
// and of the entry in next_actions.
type Action string

// The actions on a return.
const (
	ActionApprove          Action = "approve"
	ActionReject           Action = "reject"
	ActionRequestInfo      Action = "request_info"
	ActionProvideInfo      Action = "provide_info"
	ActionAnswerRejection  Action = "answer_rejection"
	ActionWithdraw         Action = "withdraw"
	ActionBookPickup       Action = "book_pickup"
	ActionReschedulePickup Action = "reschedule_pickup"
	ActionCancelPickup     Action = "cancel_pickup"
	ActionShip             Action = "ship"
	ActionReceive          Action = "receive"
	ActionInspect          Action = "inspect"
	ActionAgree            Action = "agree"
	ActionContest          Action = "contest"
	ActionDecideContest    Action = "decide_contest"
	ActionDecideParcel     Action = "decide_parcel"
	ActionSendBack         Action = "send_back"
	ActionResolveRefund    Action = "resolve_refund"
	ActionAddNote          Action = "add_note"
	ActionRetry            Action = "retry"
	ActionSkip             Action = "skip"
	ActionResolve          Action = "resolve"
)

// Act is one action with its content.
type Act interface {
	// Action is which one it is.
	Action() Action
	// By is what every action has.
	By() Envelope
}

// Envelope is what every action carries.
type Envelope struct {
	Actor Actor `json:"actor"`
	// Version, if not 0, is the version of the case that the actor saw; at any other the action is refused.
	Version int64 `json:"version,omitempty"`
	// NoteID names the actor's words and evidence in the cases service.
	NoteID string `json:"note_id,omitempty"`
}

// By implements Act for everything that embeds an envelope.
func (e Envelope) By() Envelope { return e }

// Acted is the answer to an action that was taken.
type Acted struct {
	Version int64  `json:"version"`
	Stage   string `json:"stage"`
}

// ErrorActionRefused is the type of the application error that refuses an action; its details are a Refusal.
const ErrorActionRefused = "action_refused"

// Codes of a Refusal.
const (
	// RefusedNotAllowed: the case is not, or no longer, where this action is possible.
	RefusedNotAllowed = "action_not_allowed"
	// RefusedVersion: the case moved on since the version that the actor saw.
	RefusedVersion = "version_conflict"
	// RefusedInvalid: the content does not fit this case.
	RefusedInvalid = "invalid_action"
)

// Refusal says why an action was refused and what is possible instead.
type Refusal struct {
	Code    string   `json:"code"`
	Field   string   `json:"field,omitempty"`
	Detail  string   `json:"detail"`
	Stage   string   `json:"stage"`
	Version int64    `json:"version"`
	Allowed []Action `json:"allowed"`
}

// Approve lets the return go ahead.
type Approve struct{ Envelope }

// Reject refuses the return; the buyer may answer once.
type Reject struct {
	Envelope
	Reason string `json:"reason"`
}

// RequestInfo asks the buyer; the question is the note.
type RequestInfo struct{ Envelope }

// ProvideInfo answers RequestInfo; the answer is the note.
type ProvideInfo struct{ Envelope }

// AnswerRejection answers Reject, once; the words are the note.
type AnswerRejection struct{ Envelope }

// Withdraw ends the case on the buyer's wish.
type Withdraw struct{ Envelope }

// Slot is when a courier comes, in RFC 3339.
type Slot struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// BookPickup has a courier come.
type BookPickup struct {
	Envelope
	Slot *Slot `json:"slot,omitempty"`
	// ContactID is an address kept by the logistics service; none means that of the order.
	ContactID   string `json:"contact_id,omitempty"`
	WeightGrams int    `json:"weight_grams,omitempty"`
}

// ReschedulePickup moves the courier to another time.
type ReschedulePickup struct {
	Envelope
	Slot Slot `json:"slot"`
}

// CancelPickup calls the courier off; the buyer chooses again.
type CancelPickup struct{ Envelope }

// Ship says by which parcel the goods come.
type Ship struct {
	Envelope
	Carrier        string `json:"carrier"`
	TrackingNumber string `json:"tracking_number"`
}

// Contents of a parcel at the warehouse.
const (
	ContentsAsAnnounced = "as_announced"
	ContentsMixedUp     = "mixed_up"
	ContentsEmpty       = "empty"
)

// Receive says that the warehouse has the parcel and what was counted. No lines means all that was announced.
type Receive struct {
	Envelope
	Contents string         `json:"contents"`
	Lines    []LineQuantity `json:"lines,omitempty"`
}

// Inspect is what the warehouse found, for every line of the case.
type Inspect struct {
	Envelope
	Lines []InspectedLine `json:"lines"`
}

// InspectedLine is the verdict on a line: all of its units are accepted or rejected, and the accepted ones may be
// worth less.
type InspectedLine struct {
	LineID      string       `json:"line_id"`
	Accepted    int64        `json:"accepted"`
	Rejected    int64        `json:"rejected"`
	Condition   string       `json:"condition"`
	Disposition string       `json:"disposition,omitempty"`
	Deduction   *money.Money `json:"deduction,omitempty"`
	// Rejection is the reason code for what is rejected or deducted.
	Rejection string `json:"rejection,omitempty"`
}

// Agree ends the time to contest early.
type Agree struct{ Envelope }

// Contest is the buyer's no to the inspection; the words are the note.
type Contest struct{ Envelope }

// Decisions on a contest.
const (
	ContestUphold = "uphold"
	ContestAccept = "accept"
)

// DecideContest settles a contest.
type DecideContest struct {
	Envelope
	Decision string `json:"decision"`
}

// Decisions about a parcel that did not arrive as it should.
const (
	ParcelRefund    = "refund"
	ParcelWait      = "wait"
	ParcelShipAgain = "ship_again"
	ParcelClose     = "close"
)

// DecideParcel settles what happens about a lost, refused, returned, late or mixed-up parcel.
type DecideParcel struct {
	Envelope
	Decision string `json:"decision"`
}

// SendBack returns rejected goods to the buyer; without carrier and number a courier is booked.
type SendBack struct {
	Envelope
	Carrier        string `json:"carrier,omitempty"`
	TrackingNumber string `json:"tracking_number,omitempty"`
}

// Resolutions of a refund that needs attention.
const (
	ResolutionRetry          = "retry"
	ResolutionManualTransfer = "manual_transfer"
	ResolutionVoid           = "void"
)

// ResolveRefund is finance's answer to a refund that needs attention.
type ResolveRefund struct {
	Envelope
	Resolution        string `json:"resolution"`
	TransferReference string `json:"transfer_reference,omitempty"`
}

// AddNote puts a note on the timeline.
type AddNote struct {
	Envelope
	// Internal notes are not for the buyer.
	Internal bool `json:"internal,omitempty"`
}

// Retry tries the stuck step again.
type Retry struct {
	Envelope
	Typed
}

// Skip goes on without the stuck step.
type Skip struct {
	Envelope
	Typed
}

// Resolve ends the case by hand.
type Resolve struct {
	Envelope
	Typed
}

// Action implements Act.
func (Approve) Action() Action { return ActionApprove }

// Action implements Act.
func (Reject) Action() Action { return ActionReject }

// Action implements Act.
func (RequestInfo) Action() Action { return ActionRequestInfo }

// Action implements Act.
func (ProvideInfo) Action() Action { return ActionProvideInfo }

// Action implements Act.
func (AnswerRejection) Action() Action { return ActionAnswerRejection }

// Action implements Act.
func (Withdraw) Action() Action { return ActionWithdraw }

// Action implements Act.
func (BookPickup) Action() Action { return ActionBookPickup }

// Action implements Act.
func (ReschedulePickup) Action() Action { return ActionReschedulePickup }

// Action implements Act.
func (CancelPickup) Action() Action { return ActionCancelPickup }

// Action implements Act.
func (Ship) Action() Action { return ActionShip }

// Action implements Act.
func (Receive) Action() Action { return ActionReceive }

// Action implements Act.
func (Inspect) Action() Action { return ActionInspect }

// Action implements Act.
func (Agree) Action() Action { return ActionAgree }

// Action implements Act.
func (Contest) Action() Action { return ActionContest }

// Action implements Act.
func (DecideContest) Action() Action { return ActionDecideContest }

// Action implements Act.
func (DecideParcel) Action() Action { return ActionDecideParcel }

// Action implements Act.
func (SendBack) Action() Action { return ActionSendBack }

// Action implements Act.
func (ResolveRefund) Action() Action { return ActionResolveRefund }

// Action implements Act.
func (AddNote) Action() Action { return ActionAddNote }

// Action implements Act.
func (Retry) Action() Action { return ActionRetry }

// Action implements Act.
func (Skip) Action() Action { return ActionSkip }

// Action implements Act.
func (Resolve) Action() Action { return ActionResolve }
