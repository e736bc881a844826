package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"aftercare.dev/deploy/sandbox/carrier"
	"aftercare.dev/deploy/sandbox/insurer"
	"aftercare.dev/deploy/sandbox/payment"
)

// paidOut is a refund at the provider, as it is in the end.
type paidOut struct {
	trade, status string
	amount, total int64
	// outside was made on the provider's pages, takenBack had succeeded and is no success any more.
	outside, takenBack bool
}

// booking is a courier at the carrier, as it is in the end.
type booking struct {
	task string
	dead bool
}

// policy is a policy at the insurer with its claims.
type policy struct {
	status  int
	amount  int64
	reports map[string]bool
	// settled is how often a claim was decided.
	settled int
}

func (a *auditor) readJournals(ctx context.Context) error {
	a.paid, a.couriers, a.policies = map[string]paidOut{}, map[string][]booking{}, map[string]policy{}
	if err := a.journal(ctx, "payment", func(journal io.Reader) error {
		refunds, err := payment.ReadJournal(journal)
		for key, r := range refunds {
			there := paidOut{
				trade: r.OutTradeNo, status: r.Status, amount: r.Amount, total: r.Total,
				outside: r.Outside, takenBack: r.Status != payment.Success && !r.SuccessTime.IsZero(),
			}
			a.paid[key[1]] = there
			a.count(there)
		}
		return err
	}); err != nil {
		return err
	}
	if err := a.readCouriers(ctx); err != nil {
		return err
	}
	return a.journal(ctx, "insurer", func(journal io.Reader) error {
		return lines(journal, func(line []byte) error {
			var p insurer.Policy
			if err := json.Unmarshal(line, &p); err != nil {
				return err
			}
			if p.OrderNo == "" {
				return nil
			}
			now := a.policies[p.OrderNo]
			if now.reports == nil {
				now.reports = map[string]bool{}
			}
			now.status, now.amount = p.Status, p.Amount
			if p.ReportNo != "" {
				now.reports[p.ReportNo] = true
			}
			if p.Op == "settle" {
				now.settled++
			}
			a.policies[p.OrderNo] = now
			return nil
		})
	})
}

func (a *auditor) count(there paidOut) {
	if there.takenBack {
		a.report.Returned++
	}
	if there.status != payment.Success {
		return
	}
	a.report.Refunds++
	a.report.Paid += there.amount
	if there.outside {
		a.report.Outside++
	}
}

func (a *auditor) readCouriers(ctx context.Context) error {
	last := map[string]carrier.Order{}
	err := a.journal(ctx, "carrier", func(journal io.Reader) error {
		return lines(journal, func(line []byte) error {
			var o carrier.Order
			if err := json.Unmarshal(line, &o); err != nil {
				return err
			}
			if o.Op == "order" {
				last[o.TaskID] = o
			}
			return nil
		})
	})
	for task, o := range last {
		dead := false
		switch o.Status {
		case carrier.CancelledByUser, carrier.CancelledByOther, carrier.PlacingFailed, carrier.PickUpFailed:
			dead = true
		}
		a.couriers[o.Remark] = append(a.couriers[o.Remark], booking{task: task, dead: dead})
	}
	return err
}

func (a *auditor) journal(ctx context.Context, system string, read func(io.Reader) error) error {
	return a.look(ctx, "/control/journal/"+system, read)
}

// look reads something at the sandbox, if it is there.
func (a *auditor) look(ctx context.Context, path string, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Sandbox+path, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusNotFound {
		return nil
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the sandbox answers %s", answer.Status)
	}
	return read(answer.Body)
}

func lines(from io.Reader, take func([]byte) error) error {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<22)
	for scanner.Scan() {
		if err := take(scanner.Bytes()); err != nil {
			return err
		}
	}
	return scanner.Err()
}
