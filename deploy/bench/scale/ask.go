package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/store"
)

// question is what a caller asks of the cases service.
type question struct {
	// reading is what it is asked for, one of the constants below.
	reading string
	// operation is the operationId with its filters, as a reader of the table knows it.
	operation string
	ask       func(ctx context.Context, client *api.Client, about subject) (*http.Response, error)
	// later asks for a page in the middle, by the cursor of the page before.
	later bool
}

// The readings.
const (
	listing   = "list"
	searching = "search"
	working   = "work-list"
	single    = "other"
)

// subject is what a question is about: a case of the big merchant, chosen by chance.
type subject struct {
	store.Case
	// cursor is where the page in the middle begins.
	cursor *string
}

// list asks listCases of the big merchant.
func list(filters string, set func(q *api.ListCasesParams, about subject)) question {
	return question{operation: "listCases " + filters, ask: func(ctx context.Context, client *api.Client, about subject) (*http.Response, error) {
		q := api.ListCasesParams{Cursor: about.cursor}
		set(&q, about)
		return client.ListCases(ctx, BigMerchant, &q)
	}}
}

// later is the question for a page in the middle.
func later(q question) question {
	q.operation += ", a later page"
	q.later = true
	return q
}

func pointer[T any](value T) *T { return &value }

var byDeadline = pointer(api.Deadline)

// questions are the lists, searches and work lists of people, of the gateway and of the sweep.
func questions() []question {
	var all []question
	for _, kind := range []struct {
		reading   string
		questions []question
	}{{listing, lists()}, {working, queues()}, {searching, searches()}, {single, others()}} {
		for _, q := range kind.questions {
			q.reading = kind.reading
			all = append(all, q)
		}
	}
	return all
}

func lists() []question {
	newest := list("newest", func(*api.ListCasesParams, subject) {})
	open := list("open", func(q *api.ListCasesParams, _ subject) { q.Status = pointer(api.StatusOpen) })
	closed := list("closed by deadline", func(q *api.ListCasesParams, _ subject) { q.Status, q.Sort = pointer(api.StatusClosed), byDeadline })
	return []question{
		newest, later(newest), open, later(open), closed, later(closed),
		list("closed", func(q *api.ListCasesParams, _ subject) { q.Status = pointer(api.StatusClosed) }),
		list("of a buyer", func(q *api.ListCasesParams, about subject) { q.BuyerID = &about.BuyerID }),
		list("of a buyer, open", func(q *api.ListCasesParams, about subject) {
			q.BuyerID, q.Status = &about.BuyerID, pointer(api.StatusOpen)
		}),
		list("of an order", func(q *api.ListCasesParams, about subject) { q.OrderID = &about.OrderID }),
		list("rejected", func(q *api.ListCasesParams, _ subject) { q.Outcome = pointer(api.OutcomeRejected) }),
		list("of a week", func(q *api.ListCasesParams, about subject) {
			q.OpenedFrom, q.OpenedBefore = pointer(about.OpenedAt.Add(-week)), pointer(about.OpenedAt.Time)
		}),
		list("of a week, closed", func(q *api.ListCasesParams, about subject) {
			q.Status = pointer(api.StatusClosed)
			q.OpenedFrom, q.OpenedBefore = pointer(about.OpenedAt.Add(-week)), pointer(about.OpenedAt.Time)
		}),
	}
}

const week = 7 * 24 * time.Hour

func queues() []question {
	open := list("open by deadline", func(q *api.ListCasesParams, _ subject) { q.Status, q.Sort = pointer(api.StatusOpen), byDeadline })
	agents := awaiting(api.RoleAgent, byDeadline)
	found := []question{open, later(open), agents, later(agents)}
	for _, role := range []api.Role{api.RoleBuyer, api.RoleWarehouse, api.RoleFinance, api.RoleOperator, api.RoleSystem} {
		found = append(found, awaiting(role, byDeadline), awaiting(role, nil))
	}
	for _, stage := range []api.Stage{api.StageReviewing, api.StageInspecting, api.StageInvestigating, api.StageContesting} {
		found = append(found, in(stage, byDeadline), in(stage, nil))
	}
	yes := true
	return append(
		found,
		awaiting(api.RoleAgent, nil),
		list("reviewing, awaiting agent by deadline", func(q *api.ListCasesParams, _ subject) {
			q.Stage, q.Awaiting, q.Sort = pointer(api.StageReviewing), pointer(api.RoleAgent), byDeadline
		}),
		list("refunding, awaiting finance", func(q *api.ListCasesParams, _ subject) {
			q.Stage, q.Awaiting = pointer(api.StageRefunding), pointer(api.RoleFinance)
		}),
		list("needing attention", func(q *api.ListCasesParams, _ subject) { q.NeedsAttention = &yes }),
		list("needing attention by deadline", func(q *api.ListCasesParams, _ subject) { q.NeedsAttention, q.Sort = &yes, byDeadline }),
		list("needing attention for a reason", func(q *api.ListCasesParams, _ subject) {
			q.AttentionReason, q.Limit = pointer("refund_refused"), pointer(5)
		}),
		list("needing attention for a reason, refunding by deadline", func(q *api.ListCasesParams, _ subject) {
			q.NeedsAttention, q.AttentionReason, q.Stage, q.Sort = &yes, pointer("unavailable"), pointer(api.StageRefunding), byDeadline
			q.Limit = pointer(20)
		}),
	)
}

func awaiting(role api.Role, sort *api.ListCasesParamsSort) question {
	return list("awaiting "+string(role)+named(sort), func(q *api.ListCasesParams, _ subject) { q.Awaiting, q.Sort = &role, sort })
}

func in(stage api.Stage, sort *api.ListCasesParamsSort) question {
	return list(string(stage)+named(sort), func(q *api.ListCasesParams, _ subject) { q.Stage, q.Sort = &stage, sort })
}

func named(sort *api.ListCasesParamsSort) string {
	if sort == nil {
		return ""
	}
	return " by " + string(*sort)
}

func searches() []question {
	search := func(what string, words func(about subject) string) question {
		return list("search for "+what, func(q *api.ListCasesParams, about subject) { q.Q = pointer(words(about)) })
	}
	return []question{
		search("a case id", func(about subject) string { return about.CaseID }),
		search("an order id", func(about subject) string { return about.OrderID }),
		search("most of an order id", func(about subject) string { return about.OrderID[:len(about.OrderID)-1] }),
		search("a tracking number", func(about subject) string { return about.number() }),
		search("most of a tracking number", func(about subject) string { return about.number()[:11] }),
		search("what all begin with", func(subject) string { return "case_0" }),
		search("what nothing begins with", func(subject) string { return "nothing" }),
	}
}

// number is the tracking number of the case, or one that no case has.
func (s subject) number() string {
	if s.TrackingNumber == "" {
		return "SF0000000000AB"
	}
	return s.TrackingNumber
}

func others() []question {
	return []question{
		{operation: "countAttention", ask: func(ctx context.Context, client *api.Client, _ subject) (*http.Response, error) {
			return client.CountAttention(ctx, BigMerchant)
		}},
		{operation: "getCase", ask: func(ctx context.Context, client *api.Client, about subject) (*http.Response, error) {
			return client.GetCase(ctx, about.MerchantID, about.CaseID, &api.GetCaseParams{})
		}},
		{operation: "exportBuyer", ask: func(ctx context.Context, client *api.Client, about subject) (*http.Response, error) {
			return client.ExportBuyer(ctx, about.MerchantID, about.BuyerID, &api.ExportBuyerParams{})
		}},
		{operation: "listOpenCases", ask: func(ctx context.Context, client *api.Client, _ subject) (*http.Response, error) {
			return client.ListOpenCases(ctx, &api.ListOpenCasesParams{})
		}},
		{operation: "listOpenCases, a later page", ask: func(ctx context.Context, client *api.Client, about subject) (*http.Response, error) {
			return client.ListOpenCases(ctx, &api.ListOpenCasesParams{AfterMerchantID: &about.MerchantID, AfterCaseID: &about.CaseID})
		}},
	}
}

// subjectOf picks a case of the big merchant.
func (p Population) subjectOf(r *rand.Rand) (subject, error) {
	for {
		c, err := p.Case(r.IntN(p.Cases()))
		if err != nil || c.MerchantID == BigMerchant {
			return subject{Case: c}, err
		}
	}
}

// answer reads what the service says, to the end.
func answer(response *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the cases service answers %d: %s", response.StatusCode, body)
	}
	return body, err
}

// deep is how many pages are turned at most.
const deep = 200

// middle turns pages and returns the cursor that the one in the middle begins at; nil if there are fewer than three.
func (q question) middle(ctx context.Context, client *api.Client) (*string, error) {
	cursors := []*string{nil}
	for len(cursors) < deep {
		body, err := answer(q.ask(ctx, client, subject{cursor: cursors[len(cursors)-1]}))
		if err != nil {
			return nil, err
		}
		var page struct {
			NextCursor *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, fmt.Errorf("%s: %w", q.operation, err)
		}
		if page.NextCursor == nil {
			break
		}
		cursors = append(cursors, page.NextCursor)
	}
	// The last page may be a short one.
	return cursors[(len(cursors)-1)/2], nil
}
