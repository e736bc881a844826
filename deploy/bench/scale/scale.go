// Package scale measures what grows with the number of cases: how long the cases service takes to find them, what waiting
// workflows cost the server, and what a further worker brings.
//
// The records are written straight into the database, and the questions are asked through the service's HTTP, so that
// what is measured is what a caller of the service meets.
package scale

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/money"
)

// Population says which cases there are. The same population always has the same cases.
type Population struct {
	// Closed and Open are how many of each; the open ones are among the newest.
	Closed, Open int
	// Until is when the newest was opened.
	Until time.Time
	Seed  uint64
}

// Share is the population of another size in which as many of a thousand cases are open.
func (p Population) Share(cases int) Population {
	p.Open = p.Open * cases / p.Cases()
	p.Closed = cases - p.Open
	return p
}

// Cases is how many there are.
func (p Population) Cases() int { return p.Closed + p.Open }

// span is over how long the cases were opened.
const span = 400 * 24 * time.Hour

// BigMerchant has six of ten cases; nine others share the rest.
const BigMerchant = "m0"

func merchantOf(r *rand.Rand) string {
	if r.IntN(10) < 6 {
		return BigMerchant
	}
	return fmt.Sprintf("m%d", 1+r.IntN(9))
}

// standing is where an open case may be.
type standing struct {
	stage    api.Stage
	weight   int
	actions  []string
	awaiting []string
	// shipped tells that there is a parcel.
	shipped bool
}

// standings are what open cases wait for, of a thousand.
var standings = []standing{
	{api.StageWaitingShipment, 300, []string{"book_pickup", "ship", "withdraw"}, []string{domain.RoleBuyer}, false},
	{api.StageInTransit, 220, []string{"receive"}, []string{domain.RoleWarehouse}, true},
	{api.StageReviewing, 130, []string{"approve", "reject", "request_info"}, []string{domain.RoleAgent}, false},
	{api.StageInspecting, 90, []string{"inspect"}, []string{domain.RoleWarehouse}, true},
	{api.StageRefunding, 88, []string{"payment_provider_settles"}, []string{"payment_provider"}, true},
	{api.StageWaitingPickup, 60, []string{"reschedule_pickup", "cancel_pickup"}, []string{domain.RoleBuyer}, false},
	{api.StageRejected, 40, []string{"answer_rejection"}, []string{domain.RoleBuyer}, false},
	{api.StageWaitingInfo, 35, []string{"provide_info"}, []string{domain.RoleBuyer}, false},
	{api.StageSettlingFreight, 15, []string{"insurer_pays"}, []string{"insurer"}, true},
	{api.StageContesting, 8, []string{"agree", "contest"}, []string{domain.RoleBuyer}, true},
	{api.StageInvestigating, 5, []string{"decide_parcel"}, []string{domain.RoleAgent}, true},
	{api.StageSendingBack, 4, []string{"send_back"}, []string{domain.RoleWarehouse}, true},
	{api.StageRefunding, 3, []string{"resolve_refund"}, []string{domain.RoleFinance}, true},
	{api.StageRefunding, 2, []string{"retry", "skip", "resolve"}, []string{domain.RoleOperator, domain.RoleAdministrator}, true},
}

// troubles are why cases need attention, the first most often.
var troubles = []string{"unavailable", "unavailable", "unavailable", "order_not_found", "refund_refused", "internal"}

var outcomes = []api.Outcome{
	api.OutcomeRefunded, api.OutcomeRefunded, api.OutcomeRefunded, api.OutcomeRefunded, api.OutcomeRefunded, api.OutcomeRefunded,
	api.OutcomePartlyRefunded, api.OutcomeRejected, api.OutcomeWithdrawn, api.OutcomeExpired,
}

// Case is the case at a place in the order of opening, from 0.
func (p Population) Case(at int) (store.Case, error) {
	r := rand.New(rand.NewPCG(p.Seed, uint64(at)))
	n := p.Cases()
	opened := p.Until.Add(-time.Duration(float64(span) * float64(n-1-at) / float64(n))).Truncate(time.Millisecond)
	age := n - 1 - at
	isOpen := age%2 == 0 && age < 2*p.Open
	always, one := p.floor(age / 2)
	c := store.Case{
		MerchantID: merchantOf(r), CaseID: caseID(r, opened), OrderID: fmt.Sprintf("o%09d", r.IntN(1+n*4/5)),
		Type: string(api.ReturnRefund), Reason: "no_longer_wanted", Channel: "web", Version: int64(4 + r.IntN(8)), Fence: 60,
		OpenedAt: database.At(opened), UpdatedAt: database.At(opened.Add(time.Duration(r.IntN(240)) * time.Hour)),
	}
	c.BuyerID = fmt.Sprintf("b%08d", r.IntN(1+n/5))
	var state api.CaseState
	switch {
	case isOpen && always:
		c.MerchantID = BigMerchant
		state = p.open(r, &c, one)
	case isOpen:
		state = p.open(r, &c, standingOf(r))
	default:
		state = closed(r, &c)
	}
	describe(r, &c, &state)
	var err error
	c.Document.V, err = json.Marshal(state)
	return c, err
}

// crockford is the alphabet of the ids of the house. What is encoded sorts like its bytes.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

func caseID(r *rand.Rand, opened time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], uint64(opened.UnixMilli())<<16|uint64(r.IntN(1<<16)))
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	return "case_" + crockford.EncodeToString(id[:])
}

// alike is how many open cases of each standing the big merchant has at least: a full page. So what is asked for has the
// same length in a small population as in a large one, and only what is around it differs.
const alike = 60

// floor tells whether the open case at a place has a standing whatever chance says. Those that have are spread evenly.
func (p Population) floor(place int) (always bool, s standing) {
	every := max(1, p.Open/(alike*len(standings)))
	at := place / every
	return place%every == 0 && at < alike*len(standings), standings[at%len(standings)]
}

func standingOf(r *rand.Rand) standing {
	at := r.IntN(1000)
	for _, s := range standings {
		if at -= s.weight; at < 0 {
			return s
		}
	}
	return standings[0]
}

func (p Population) open(r *rand.Rand, c *store.Case, s standing) api.CaseState {
	c.Status, c.Stage, c.Awaiting = domain.StatusOpen, string(s.stage), domain.RolesOf(s.awaiting...)
	// One of two hundred deadlines is over.
	deadline := p.Until.Add(time.Duration(r.IntN(14*24*60)-100) * time.Minute).Truncate(time.Second)
	c.Deadline = deadline.UnixMicro()
	state := api.CaseState{Stage: s.stage, Status: api.StatusOpen}
	if domain.RolesOf(domain.RoleOperator)&c.Awaiting != 0 {
		c.NeedsAttention, c.AttentionReason, c.Deadline = 1, troubles[r.IntN(len(troubles))], noDeadline
		state.Attention = &api.Attention{Reason: c.AttentionReason, Since: c.UpdatedAt.Time}
	}
	for _, action := range s.actions {
		next := api.NextAction{Action: action, Actors: s.awaiting}
		if c.NeedsAttention == 0 {
			consequence := "decided_automatically"
			next.Deadline, next.Consequence = &deadline, &consequence
		}
		state.NextActions = append(state.NextActions, next)
	}
	if s.shipped {
		c.TrackingNumber = tracking(r)
	}
	return state
}

// noDeadline is how the store keeps the deadline of a case that has none.
const noDeadline = 1<<63 - 1

func closed(r *rand.Rand, c *store.Case) api.CaseState {
	outcome := outcomes[r.IntN(len(outcomes))]
	c.Status, c.Stage, c.Outcome, c.Deadline = domain.StatusClosed, domain.StageClosed, string(outcome), noDeadline
	c.ClosedAt = database.NullAt(c.UpdatedAt.Time)
	if outcome == api.OutcomeRefunded || outcome == api.OutcomePartlyRefunded {
		c.TrackingNumber = tracking(r)
	}
	return api.CaseState{Stage: api.StageClosed, Status: api.StatusClosed, Outcome: &outcome, NextActions: []api.NextAction{}}
}

func tracking(r *rand.Rand) string { return fmt.Sprintf("SF%012d", r.Int64N(1e12)) }

// describe adds what is read of a case and not searched for: lines, parcel and money.
func describe(r *rand.Rand, c *store.Case, s *api.CaseState) {
	total := money.Money{Currency: "CNY"}
	lines := make([]api.LineState, 3+r.IntN(3))
	for i := range lines {
		quantity, condition, disposition := int64(1+r.IntN(2)), "intact", "restock"
		refund := money.Money{Amount: int64(1000 + r.IntN(50_000)), Currency: "CNY"}
		total.Amount += refund.Amount
		lines[i] = api.LineState{
			LineID: fmt.Sprintf("line_%s_%d", c.OrderID, i), Quantity: quantity, ReceivedQuantity: &quantity, AcceptedQuantity: &quantity,
			Condition: &condition, Disposition: &disposition, Refund: &refund, Deduction: &money.Money{Currency: "CNY"},
		}
	}
	s.Lines = &lines
	s.Insurance = &api.InsuranceProgress{State: "insured"}
	if c.TrackingNumber == "" {
		return
	}
	carrier := "SF"
	s.Shipment = &api.ShipmentProgress{
		ShipmentID: "ship_" + c.CaseID[5:], Direction: "return", Method: "pickup", State: "delivered", Carrier: &carrier, TrackingNumber: &c.TrackingNumber,
	}
	s.Refund = &api.RefundProgress{RefundID: "refund_" + c.CaseID[5:], State: "succeeded", Amount: total, Refunded: &total, SucceededAt: &c.UpdatedAt.Time}
}
