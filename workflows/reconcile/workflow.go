// Package reconcile compares what providers say that they paid with what was asked of them, once a day, and carries what
// differs to the cases that it is about.
package reconcile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/payment"
	"aftercare.dev/workflows/contract"
)

const (
	// provider is whose bill is compared if the input does not say.
	provider = "wechatpay"
	// days are how many days before today are compared: what could not be compared once is made good.
	days = 3
)

// china is how the provider counts days. It has no daylight saving time.
var china = time.FixedZone("Asia/Shanghai", 8*60*60)

// Compared is what came of one day.
type Compared struct {
	Provider string `json:"provider"`
	Day      string `json:"day"`
	// InBill are refunds in the bill, Found the differences of that day, those of earlier runs included.
	InBill int64 `json:"in_bill"`
	Found  int64 `json:"found"`
	// Problem is the code of what kept the day from being compared.
	Problem string `json:"problem,omitempty"`
}

// Report is what a reconciliation did.
type Report struct {
	Compared []Compared `json:"compared"`
	// Carried are how many differences were carried to their cases.
	Carried int `json:"carried"`
}

// Reconcile compares the bills of the last days, then carries what differs to the cases. A day that cannot be compared
// fails the workflow in the end, so that somebody sees it; the next one tries that day again.
func Reconcile(ctx workflow.Context, in contract.ReconcileInput) (Report, error) {
	var (
		report Report
		failed []error
	)
	for _, day := range daysOf(in, workflow.Now(ctx)) {
		compared := Compared{Provider: day.Provider, Day: day.Date}
		result, err := payment.Reconcile(ctx, day)
		if ended := ctx.Err(); ended != nil {
			return report, ended
		}
		if err != nil {
			compared.Problem = fault.Code(err)
			failed = append(failed, fmt.Errorf("%s of %s: %s", day.Provider, day.Date, compared.Problem))
		}
		compared.InBill, compared.Found = result.InBill, result.Found
		report.Compared = append(report.Compared, compared)
		workflow.SetCurrentDetails(ctx, details(report))
	}
	var err error
	report.Carried, err = Carry(ctx)
	workflow.SetCurrentDetails(ctx, details(report))
	if failed = append(failed, err); errors.Join(failed...) != nil {
		return report, temporal.NewNonRetryableApplicationError(errors.Join(failed...).Error(), "not_reconciled", nil, report)
	}
	return report, nil
}

// daysOf are the days to compare, the oldest first.
func daysOf(in contract.ReconcileInput, now time.Time) []payment.Day {
	dates, providers := in.Days, in.Providers
	for back := days; len(in.Days) == 0 && back > 0; back-- {
		dates = append(dates, now.In(china).AddDate(0, 0, -back).Format(time.DateOnly))
	}
	if len(providers) == 0 {
		providers = []string{provider}
	}
	var all []payment.Day
	for _, p := range providers {
		for _, date := range dates {
			all = append(all, payment.Day{Provider: p, Date: date})
		}
	}
	return all
}

// details are the result for operators, in Markdown.
func details(r Report) string {
	lines := []string{"| Bill | day | refunds in it | differences |", "|---|---|---|---|"}
	for _, c := range r.Compared {
		found := strconv.FormatInt(c.Found, 10)
		if c.Problem != "" {
			found = "⚠ `" + c.Problem + "`"
		}
		lines = append(lines, fmt.Sprintf("| %s | %s | %d | %s |", c.Provider, c.Day, c.InBill, found))
	}
	return strings.Join(append(lines, "",
		fmt.Sprintf("%d differences were carried to their cases. All of them: `GET /v1/differences`. What to do: docs/runbook.md.", r.Carried)), "\n")
}
