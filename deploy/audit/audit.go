// Package audit reads a house that has come to rest and says what is wrong with it: from the journals of the outside world,
// which are the truth about money, couriers and claims, from the databases of the services, from Temporal, and from the
// public API. It believes none of them: what one says must be what the others say.
package audit

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	storefront "aftercare.dev/deploy/client"
	"aftercare.dev/deploy/split"
)

// Kind is what a violation means for those whom the house serves.
type Kind string

// The kinds of violations.
const (
	// Doubled: something took effect more often than it was wanted.
	Doubled Kind = "doubled"
	// Lost: something that was accepted did not take effect, or is not known any more.
	Lost Kind = "lost"
	// Stuck: something does not go on, and neither a person nor a clock is named that would end it.
	Stuck Kind = "stuck"
	// Wrong: two records of the same thing differ.
	Wrong Kind = "wrong"
)

// Violation is one thing that is not as it must be.
type Violation struct {
	Kind Kind `json:"kind"`
	// Check is which one found it, and Subject the id of what it is about.
	Check   string `json:"check"`
	Subject string `json:"subject,omitempty"`
	Says    string `json:"says"`
}

// Sources say where a house keeps what it knows.
type Sources struct {
	// Database is the DSN of the database of a service, of the MySQL family.
	Database func(service string) string
	// Sandbox is the base URL of the outside world, and Temporal the address of the frontend.
	Sandbox, Temporal string
	// Door is the gateway, and Merchants are the tenants whose cases are audited; nobody else is paid by the sandbox.
	Door      storefront.Door
	Merchants []string
	// Heard tells whether the merchants' receivers have taken a webhook, by the id of the message; nil if nobody knows.
	Heard func(messageID string) bool
	// Resent says that whatever waits for a later attempt to be sent is sent at once, so that nothing may wait for long.
	Resent bool
	// Log hears of what [Settled] finds before its last audit. Nil is silent.
	Log *slog.Logger
}

// Of are the sources of a house of processes.
func Of(h *split.House, merchants ...string) Sources {
	return Sources{
		Database: func(service string) string { return h.MySQL.DSN() + service + "_" },
		Sandbox:  h.SandboxURL, Temporal: h.Temporal,
		Door: storefront.Door{URL: h.URL, Keys: h.Keys}, Merchants: merchants,
	}
}

// Expected is what whoever filed a case knows of it.
type Expected struct {
	MerchantID, CaseID, OrderID string
	// Outcomes are those that the case may have; none means any.
	Outcomes []string
	// Accepted is how many units of each line are paid for if the case ends with a refund, less what is deducted in all, in
	// minor units. Nil means that whoever filed it does not know.
	Accepted map[string]int64
	Deducted int64
	// Open is true for a case that may still be open, because nobody was to end it.
	Open bool
}

// Report is what an audit found. Its numbers are about all merchants of the sources together.
type Report struct {
	// Cases are recorded, and Waiting of them are open before a named person or clock.
	Cases   int `json:"cases"`
	Waiting int `json:"waiting"`
	// Refunds and Paid are what the provider's journal says has reached buyers, in minor units.
	Refunds int   `json:"refunds"`
	Paid    int64 `json:"paid_minor"`
	// Outside of them were made on the provider's pages, Returned were paid and are no more.
	Outside  int `json:"outside"`
	Returned int `json:"returned"`
	// Mails and Webhooks were delivered, and GivenUp are e-mails that the mail server refused for good.
	Mails    int `json:"mails"`
	Webhooks int `json:"webhooks"`
	GivenUp  int `json:"given_up"`
	// LedgerEntries were added up over all accounts: LedgerSum is 0 if the books are even.
	LedgerEntries int64 `json:"ledger_entries"`
	LedgerSum     int64 `json:"ledger_sum"`
	// Doubled, Lost and Stuck count the violations of these kinds, Violations those of all kinds.
	Doubled    int `json:"doubled"`
	Lost       int `json:"lost"`
	Stuck      int `json:"stuck"`
	Violations int `json:"violations"`
	// First are the first violations in words.
	First []Violation `json:"first,omitempty"`
}

// told is how many violations are kept in words.
const told = 50

// Add counts a violation.
func (r *Report) Add(v Violation) {
	r.Violations++
	switch v.Kind {
	case Doubled:
		r.Doubled++
	case Lost:
		r.Lost++
	case Stuck:
		r.Stuck++
	case Wrong:
	}
	if len(r.First) < told {
		r.First = append(r.First, v)
	}
}

// Merge counts the violations of another report as well.
func (r *Report) Merge(other Report) {
	r.Doubled += other.Doubled
	r.Lost += other.Lost
	r.Stuck += other.Stuck
	r.Violations += other.Violations
	r.First = append(r.First, other.First...)
	r.First = r.First[:min(len(r.First), told)]
}

// Settled audits again and again until nothing is wrong or patience is over: the last news may still be under way. An
// error says that the audit could not be made.
func Settled(ctx context.Context, s Sources, expected []Expected, patience time.Duration) (Report, error) {
	until := time.Now().Add(patience)
	for {
		report, err := Run(ctx, s, expected)
		if err == nil && report.Violations == 0 || time.Now().After(until) {
			return report, err
		}
		if s.Log != nil {
			s.Log.Info("not yet as it must be", "violations", report.Violations, "first", report.First[:min(3, len(report.First))], "error", err)
		}
		select {
		case <-ctx.Done():
			return report, ctx.Err()
		case <-time.After(5 * time.Second):
		}
	}
}

// Run audits once.
func Run(ctx context.Context, s Sources, expected []Expected) (Report, error) {
	temporal, err := client.DialContext(ctx, client.Options{
		HostPort: s.Temporal, Namespace: "aftercare", Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return Report{}, fmt.Errorf("audit: connect to Temporal: %w", err)
	}
	defer temporal.Close()
	a := &auditor{Sources: s, expected: expected, temporal: temporal}
	for _, read := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"the journals", a.readJournals},
		{"the orders", a.readOrders},
		{"the payments", a.readPayments},
		{"the cases", a.readCases},
		{"the parcels", a.readParcels},
		{"the workflows", a.readWorkflows},
		{"the open cases at the gateway", a.readOpen},
		{"the outboxes", a.checkOutboxes},
		{"the messages", a.checkMessages},
		{"the ledger", a.checkLedger},
		{"the sweep", a.sweep},
	} {
		if err := read.do(ctx); err != nil {
			return Report{}, fmt.Errorf("audit %s: %w", read.what, err)
		}
	}
	for _, check := range []func(){
		a.checkRefunds, a.checkOutside, a.checkDifferences, a.checkLimits, a.checkWorth, a.checkStock, a.checkCouriers, a.checkClaims,
		a.checkCases, a.checkTimelines, a.checkWorkflows, a.checkExpected,
	} {
		check()
	}
	return a.report, nil
}

// auditor holds what was read.
type auditor struct {
	Sources
	expected []Expected
	temporal client.Client
	report   Report

	paid      map[string]paidOut
	couriers  map[string][]booking
	policies  map[string]policy
	orders    map[id]*soldOrder
	refunds   map[id]*refund
	parts     map[string]part
	outside   map[string]outside
	differs   []difference
	cases     map[id]*record
	shipments map[id]shipment
	claims    map[id]claim
	runs      map[string]run
	open      map[id]standing
}

// id names something of a merchant.
type id struct{ merchant, id string }

func (i id) String() string { return i.merchant + "/" + i.id }

func (a *auditor) find(kind Kind, check string, subject any, says string, args ...any) {
	a.report.Add(Violation{Kind: kind, Check: check, Subject: fmt.Sprint(subject), Says: fmt.Sprintf(says, args...)})
}
