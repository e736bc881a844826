package domain

import "time"

// State is how a delivery goes.
type State string

// The states of the contract. Only pending ones are worked on; a resend makes any other pending again.
const (
	StatePending   State = "pending"
	StateDelivered State = "delivered"
	// StateFailed is given up: refused for good, or tried as often as the schedule says.
	StateFailed State = "failed"
	// StateSkipped had nobody to send to, or an endpoint that is switched off.
	StateSkipped State = "skipped"
)

// Delivery is one message to one recipient on one channel.
type Delivery struct {
	MerchantID string
	DeliveryID string
	EventID    string
	CaseID     string
	Type       string
	Channel    Channel
	// TargetID is the person for inbox and e-mail, the endpoint for webhooks.
	TargetID string
	State    State
	// Attempts counts sends that were begun, over all resends.
	Attempts int
	// Step is the place in the schedule; a resend starts it anew.
	Step int
	// LastStatus is what the other side answered last: an HTTP or SMTP status, or 0.
	LastStatus int
	// LastError is a code.
	LastError string
	// DueAt is when the next attempt begins, or, during one, when it is taken for lost. Zero unless
	// pending.
	DueAt       time.Time
	CreatedAt   time.Time
	DeliveredAt time.Time
	ReadAt      time.Time
}

// Codes of LastError. They tell a merchant's developer what to look for.
const (
	ErrorChannelOff       = "channel_off"
	ErrorNoAddress        = "no_address"
	ErrorBadAddress       = "bad_address"
	ErrorNoContact        = "contact_unavailable"
	ErrorSMTP             = "smtp_refused"
	ErrorSMTPUnavailable  = "smtp_unavailable"
	ErrorHTTPStatus       = "http_status"
	ErrorRedirect         = "redirect_not_followed"
	ErrorGone             = "gone"
	ErrorTimeout          = "timeout"
	ErrorConnection       = "connection_failed"
	ErrorDNS              = "name_not_found"
	ErrorTLS              = "tls_failed"
	ErrorAddress          = "address_not_allowed"
	ErrorEndpointDisabled = "endpoint_disabled"
	ErrorEndpointRemoved  = "endpoint_removed"
	ErrorInternal         = "internal"
)

// Verdict is what an attempt means for the delivery.
type Verdict int

// The verdicts. The zero value is none, so that a forgotten one is seen.
const (
	_ Verdict = iota
	Delivered
	// Retry comes again after the schedule, or fails if the schedule is over.
	Retry
	// Failed will never succeed.
	Failed
	// Skipped has nobody to go to.
	Skipped
	// Interrupted was stopped by us: it comes again at once and costs no step.
	Interrupted
)

// Result is how one attempt went.
type Result struct {
	Verdict Verdict
	// Status is what the other side answered, or 0.
	Status int
	// Code is the LastError; empty for a success.
	Code string
	// RetryAfter is the earliest next attempt that the other side asked for, from now, or 0.
	RetryAfter time.Duration
	// Gone says that the endpoint does not want to hear from us ever again (410).
	Gone bool
}

// CountsAgainst tells whether the attempt is a failure of the other side. One that we interrupted, or
// could not even begin, says nothing about it.
func (r Result) CountsAgainst() bool {
	return (r.Verdict == Retry || r.Verdict == Failed) && r.Code != ErrorInternal
}

// Schedule is the wait before each attempt; the first is usually none.
type Schedule []time.Duration

// The schedules. That of webhooks is the recommendation of Standard Webhooks 1.0: ten attempts over
// about three days. An e-mail that could not be handed over in a day is late news.
var (
	webhookSchedule = Schedule{
		0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
		5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	emailSchedule = Schedule{
		0, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	}
)

// ScheduleOf returns how often, and when, a channel is tried.
func ScheduleOf(c Channel) Schedule {
	if c == ChannelWebhook {
		return webhookSchedule
	}
	return emailSchedule
}

// MaxRetryAfter bounds what a receiver may ask for, so that a wrong header cannot park a message.
const MaxRetryAfter = 24 * time.Hour

// jitterShare spreads attempts that failed together: up to a fifth of the wait on top.
const jitterShare = 0.2

// Next returns the wait before the attempt after step attempts, and whether there is one. Random is
// in [0,1).
func (s Schedule) Next(step int, retryAfter time.Duration, random float64) (time.Duration, bool) {
	if step >= len(s) {
		return 0, false
	}
	wait := max(s[step], min(retryAfter, MaxRetryAfter))
	return wait + time.Duration(float64(wait)*jitterShare*random), true
}

// After applies the result of an attempt that ended now. The delivery must have been claimed, which
// counted the attempt already.
func (d Delivery) After(r Result, now time.Time, random float64) Delivery {
	d.LastStatus, d.LastError = r.Status, r.Code
	switch r.Verdict {
	case Delivered:
		d.State, d.LastError, d.DeliveredAt = StateDelivered, "", now
	case Skipped:
		d.State = StateSkipped
	case Interrupted:
		d.DueAt = now
		d.Step = max(0, d.Step-1)
	case Retry:
		wait, again := ScheduleOf(d.Channel).Next(d.Step, r.RetryAfter, random)
		d.DueAt = now.Add(wait)
		if !again {
			d.State = StateFailed
		}
	default:
		d.State = StateFailed
	}
	if d.State != StatePending {
		d.DueAt = time.Time{}
	}
	return d
}

// Message is what a [Sender] of any channel needs to know.
type Message struct {
	Delivery Delivery
	Event    Event
}

// NewDelivery returns the delivery of an event to a target. An inbox message is delivered by being
// stored; all others are due at once.
func NewDelivery(deliveryID string, e Event, to Target, now time.Time) Delivery {
	d := Delivery{
		MerchantID: e.MerchantID, DeliveryID: deliveryID, EventID: e.EventID, CaseID: e.CaseID, Type: e.Type,
		Channel: to.Channel, TargetID: to.ID, State: StatePending, DueAt: now, CreatedAt: now,
	}
	if to.Channel == ChannelInbox {
		d.State, d.Attempts, d.DeliveredAt, d.DueAt = StateDelivered, 1, now, time.Time{}
	}
	return d
}

// Skip returns the delivery as one that will not be attempted, and why.
func (d Delivery) Skip(code string) Delivery {
	d.State, d.LastError, d.DueAt = StateSkipped, code, time.Time{}
	return d
}
