package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
)

// What a client of an order's refunds does.
const (
	opReserve = "reserve"
	opVoid    = "void"
	opPay     = "pay"
	opGuards  = "read the guards"
	opLedger  = "read the ledger"
)

// asked is what one did, and saw.
type asked struct {
	op, id  string
	amounts [3]int64
}

// seen is what came of it: done, and, for reads, what is refunded of each line, or of all together.
type seen struct {
	done    bool
	amounts [3]int64
	sum     int64
}

var lineIDs = [3]string{"l1", "l2", domain.FreightLine}

// paidLimit are the lines of [order] as one client after the other would see them.
type paidLimit struct {
	used [3]int64
	// held says of each refund whether its money is still set aside: else it is with the buyer, or was given up.
	held    map[string]bool
	amounts map[string][3]int64
}

// next returns the state after one step, and whether what was seen can be.
func (s paidLimit) next(in asked, out seen) (bool, paidLimit) {
	switch in.op {
	case opReserve:
		return s.reserve(in, out)
	case opGuards:
		return out.amounts == s.used, s
	case opLedger:
		return out.sum == s.used[0]+s.used[1]+s.used[2], s
	}
	if !out.done {
		return true, s // somebody was faster; nothing has changed
	}
	if !s.held[in.id] {
		return false, s
	}
	s.held = maps.Clone(s.held)
	s.held[in.id] = false
	if in.op == opVoid {
		for i, amount := range s.amounts[in.id] {
			s.used[i] -= amount
		}
	}
	return true, s
}

func (s paidLimit) reserve(in asked, out seen) (bool, paidLimit) {
	if _, known := s.amounts[in.id]; known {
		return out.done, s
	}
	fits := true
	for i, paid := range [3]int64{600, 300, 100} {
		fits = fits && s.used[i]+in.amounts[i] <= paid
	}
	if !fits || !out.done {
		return fits == out.done, s
	}
	s.held, s.amounts = maps.Clone(s.held), maps.Clone(s.amounts)
	s.held[in.id], s.amounts[in.id] = true, in.amounts
	for i, amount := range in.amounts {
		s.used[i] += amount
	}
	return true, s
}

var refundsOfAnOrder = porcupine.Model{
	Init: func() any { return paidLimit{held: map[string]bool{}, amounts: map[string][3]int64{}} },
	Step: func(state, in, out any) (bool, any) { return state.(paidLimit).next(in.(asked), out.(seen)) },
	Equal: func(a, b any) bool {
		x, y := a.(paidLimit), b.(paidLimit)
		return x.used == y.used && maps.Equal(x.held, y.held)
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%v: %v", in, out) },
}

// client does one thing to an order's refunds through a store of its own.
type client struct {
	t     *testing.T
	db    *gorm.DB
	store *Store
	order string
}

func (c client) do(in asked) seen {
	switch in.op {
	case opReserve:
		return c.reserve(in)
	case opVoid, opPay:
		r, err := c.store.Refund(c.t.Context(), merchant, in.id)
		if problem.HasCode(err, "refund_not_found") {
			return seen{}
		}
		c.must(err)
		if in.op == opPay {
			return c.pay(r)
		}
		return c.void(r)
	case opGuards:
		return c.guards()
	}
	var sum int64
	c.must(c.db.Raw(`SELECT COALESCE(SUM(CASE phase WHEN 'reserve' THEN amount ELSE -amount END), 0) FROM ledger_entries
		WHERE merchant_id = ? AND case_id = ? AND phase IN ('reserve', 'void')`, merchant, c.order).Scan(&sum).Error)
	return seen{done: true, sum: sum}
}

func (c client) must(err error) {
	if err != nil {
		c.t.Error(err)
	}
}

func (c client) reserve(in asked) seen {
	amounts := map[string]int64{}
	for i, amount := range in.amounts {
		amounts[lineIDs[i]] = amount
	}
	request := ask(c.t, c.order, amounts)
	request.CaseID = c.order
	one := order()
	one.Payments[0].Amount, one.Payments = 1000, one.Payments[:1]
	_, err := c.store.Reserve(c.t.Context(), merchant, in.id, request, one)
	if !problem.HasCode(err, "exceeds_paid") {
		c.must(err)
	}
	return seen{done: err == nil}
}

// pay takes the provider's word of success. It is done if that is what brought the money to the buyer.
func (c client) pay(r domain.Refund) seen {
	p := r.Parts[0]
	after := p.Told(domain.ProviderRefund{
		RefundNumber: p.RefundNumber, PaymentReference: p.PaymentReference, Status: domain.ProviderSucceeded,
		Amount: p.Amount, PaymentTotal: p.PaymentTotal, Currency: p.Currency,
	}, time.Now())
	_, repaid, err := c.store.Record(c.t.Context(), r, p, after, Attempt{Op: "query", Outcome: domain.OutcomeDone})
	c.must(err)
	return seen{done: repaid.Amount > 0}
}

// void gives up a refund that the provider refused, as finance would.
func (c client) void(r domain.Refund) seen {
	p := r.Parts[0]
	if p.State == domain.PartReserved {
		after := p.RefusedAfterAll(&domain.ProviderError{Code: "PARAM_ERROR", Attention: domain.Refused})
		_, _, err := c.store.Record(c.t.Context(), r, p, after, Attempt{Op: "create", Outcome: domain.OutcomeNotDone})
		c.must(err)
		r, err = c.store.Refund(c.t.Context(), merchant, r.RefundID)
		c.must(err)
	}
	if !r.Resolvable() {
		return seen{}
	}
	_, err := c.store.Resolve(c.t.Context(), r, domain.Resolution{Kind: domain.ResolveVoid, ActorID: "finance1"}, domain.Part.Voided)
	if !problem.HasCode(err, "version_conflict") {
		c.must(err)
	}
	return seen{done: err == nil}
}

func (c client) guards() seen {
	lines, err := linesOf(c.db, merchant, c.order)
	c.must(err)
	out := seen{done: true}
	for i, id := range lineIDs {
		out.amounts[i] = lines[id].Refunded
	}
	return out
}

// history lets clients loose on one order.
func history(t *testing.T, db *gorm.DB, seed uint64) []porcupine.Operation {
	const clients, steps = 6, 7
	orderID, began := ids.New("order"), time.Now()
	var mu sync.Mutex
	var operations []porcupine.Operation
	var group sync.WaitGroup
	for n := range clients {
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			c := client{t: t, db: db, store: New(db, time.Now), order: orderID}
			for range steps {
				in := asked{
					op: []string{opReserve, opReserve, opReserve, opVoid, opPay, opGuards, opLedger}[random.IntN(7)],
					// Few ids, so that clients meet on the same refund.
					id: fmt.Sprintf("%s-%d", orderID, random.IntN(8)),
				}
				if in.op == opReserve {
					// What a refund is of follows from its id, as a repetition does.
					of := rand.New(rand.NewPCG(seed, uint64(in.id[len(in.id)-1])))
					in.amounts = [3]int64{1 + of.Int64N(400), of.Int64N(200), of.Int64N(70)}
				}
				called := time.Since(began).Nanoseconds()
				out := c.do(in)
				returned := time.Since(began).Nanoseconds()
				mu.Lock()
				operations = append(operations, porcupine.Operation{ClientId: n, Input: in, Output: out, Call: called, Return: returned})
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return operations
}

// Whatever many processes do to the refunds of one order at once, what each of them saw can be told as one after the
// other: no limit is passed, nothing is given back or paid twice, and guards and ledger agree at every moment.
func TestConcurrentRefundsOfAnOrderAreAsIfOneAfterTheOther(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		seed := rand.Uint64()
		accepted, refused, ended := 0, 0, 0
		for round := range uint64(25) {
			operations := history(t, db, seed+round)
			result := porcupine.CheckOperationsTimeout(refundsOfAnOrder, operations, 20*time.Second)
			if result != porcupine.Ok {
				slices.SortFunc(operations, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
				for _, o := range operations {
					t.Logf("%8d-%8d client %d %s", o.Call/1000, o.Return/1000, o.ClientId, refundsOfAnOrder.DescribeOperation(o.Input, o.Output))
				}
				t.Fatalf("seed %d, round %d: the history is %s", seed, round, result)
			}
			for _, o := range operations {
				switch in, out := o.Input.(asked), o.Output.(seen); {
				case in.op == opReserve && out.done:
					accepted++
				case in.op == opReserve:
					refused++
				case (in.op == opVoid || in.op == opPay) && out.done:
					ended++
				}
			}
		}
		require.Positive(t, refused, "nobody reached the limit")
		require.Greater(t, accepted, refused/10, "nobody was let in")
		require.Positive(t, ended, "no refund ended")
	})
}
