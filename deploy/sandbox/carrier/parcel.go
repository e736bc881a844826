package carrier

import (
	"time"

	"aftercare.dev/deploy/sandbox/journal"
)

// stage is where a parcel is. The empty stage is a parcel of which the carrier
// has no record yet.
type stage string

const (
	unknown    stage = ""
	collected  stage = "collected"
	inTransit  stage = "in_transit"
	delivering stage = "delivering"
	signed     stage = "signed"
	problem    stage = "problem"
	refused    stage = "refused"
	returning  stage = "returning"
	returned   stage = "returned"
	aborted    stage = "aborted" // kuaidi100 stops watching
)

// The outcomes that a rule or the control API can give to a booking or parcel.
const (
	PlaceFailed      = "place_failed"      // booking: 610
	CarrierCancelled = "carrier_cancelled" // booking: 99
	PickupFailed     = "pickup_failed"     // booking: 11
	Lost             = "lost"
	Refused          = "refused"
	Returned         = "returned"
	NoRecord         = "no_record" // self-shipped: a number that no carrier ever sees
)

// Outcomes are all outcomes that rules may ask for.
var Outcomes = []string{PlaceFailed, CarrierCancelled, PickupFailed, Lost, Refused, Returned, NoRecord}

// stageInfo is what kuaidi100 says of a stage: its state code (2.1 of the push
// document), and a sentence.
type stageInfo struct {
	state, text string
	context     string
}

var stages = map[stage]stageInfo{
	collected:  {"1", "揽收", "快件已揽收"},
	inTransit:  {"0", "在途", "快件已到达分拨中心，正发往目的地"},
	delivering: {"5", "派件", "快件派送中，派送员正在为您派件"},
	signed:     {"3", "签收", "快件已签收，签收人：前台"},
	problem:    {"2", "疑难", "快件疑似丢失，正在核实"},
	refused:    {"14", "拒签", "收件人拒收快件"},
	returning:  {"6", "退回", "快件正在退回寄件人"},
	returned:   {"4", "退签", "退回件已由寄件人签收"},
}

// Delays are the carrier's durations before the time scale is applied, each
// counted from the step before.
type Delays struct {
	Accept  time.Duration // booked → a courier accepted
	Collect time.Duration // accepted → on the way to the sender
	PickUp  time.Duration // on the way → picked up: 2 h after the booking in all

	Transit time.Duration // picked up → in transit
	Deliver time.Duration // in transit → out for delivery
	Sign    time.Duration // out for delivery → signed or refused
	Settle  time.Duration // signed → weighed and charged

	SelfShip   time.Duration // subscribed → collected, for a parcel that the buyer sends
	TurnBack   time.Duration // refused → on the way back; in transit → on the way back
	ReturnTrip time.Duration // on the way back → signed by the sender
	Lost       time.Duration // in transit → reported as a problem
	NoRecord   time.Duration // subscribed → given up, "3天查询无记录"
	Unchanged  time.Duration // problem → given up, "60天无变化"

	Retry time.Duration // between attempts of a callback
}

// DefaultDelays bring a booked parcel home 24 h after its booking.
var DefaultDelays = Delays{
	Accept: 5 * time.Minute, Collect: 25 * time.Minute, PickUp: 90 * time.Minute,
	Transit: 4 * time.Hour, Deliver: 16 * time.Hour, Sign: 2 * time.Hour, Settle: time.Hour,
	SelfShip: 2 * time.Hour, TurnBack: 2 * time.Hour, ReturnTrip: 24 * time.Hour,
	Lost: 72 * time.Hour, NoRecord: 72 * time.Hour, Unchanged: 60 * 24 * time.Hour,
	Retry: 30 * time.Minute,
}

// next is the travel plan: what follows a stage, and after how long.
func (d Delays) next(at stage, outcome string) (stage, time.Duration, bool) {
	switch at {
	case unknown:
		if outcome == NoRecord {
			return aborted, d.NoRecord, true
		}
		return collected, d.SelfShip, true
	case collected:
		return inTransit, d.Transit, true
	case inTransit:
		switch outcome {
		case Lost:
			return problem, d.Lost, true
		case Returned:
			return returning, d.TurnBack, true
		}
		return delivering, d.Deliver, true
	case delivering:
		if outcome == Refused {
			return refused, d.Sign, true
		}
		return signed, d.Sign, true
	case problem:
		return aborted, d.Unchanged, true
	case refused:
		return returning, d.TurnBack, true
	case returning:
		return returned, d.ReturnTrip, true
	default:
		return "", 0, false
	}
}

type node struct {
	stage stage
	time  time.Time
}

// subscription is who wants to be told about a parcel.
type subscription struct {
	Op       string    `json:"op"` // subscribe
	Num      string    `json:"num"`
	Com      string    `json:"com"`
	URL      string    `json:"callbackurl"`
	Salt     *string   `json:"salt,omitempty"` // nil: none was given, and pushes carry no sign
	ResultV2 string    `json:"resultv2,omitempty"`
	Phone    string    `json:"phone,omitempty"`
	Time     time.Time `json:"time"`
	Due      time.Time `json:"due,omitzero"`      // of the first step of a parcel that was unknown
	Outcome  string    `json:"outcome,omitempty"` // likewise
}

// parcelLine is a step of a parcel in the journal.
type parcelLine struct {
	Op      string    `json:"op"` // parcel
	Num     string    `json:"num"`
	Com     string    `json:"com"`
	TaskID  string    `json:"task_id,omitempty"`
	Stage   stage     `json:"stage"`
	Outcome string    `json:"outcome,omitempty"`
	Time    time.Time `json:"time"`
	Due     time.Time `json:"due,omitzero"` // of the next step
}

type parcel struct {
	num, com string
	taskID   string // of the booking; empty for self-shipped parcels
	outcome  string
	phone    string
	due      time.Time
	nodes    []node // append-only
	subs     []*subscription
	ticket   journal.Ticket // of the last line about it
}

func (p *parcel) stage() stage {
	if len(p.nodes) == 0 {
		return unknown
	}
	return p.nodes[len(p.nodes)-1].stage
}
