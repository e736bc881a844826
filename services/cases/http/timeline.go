package http

import (
	"cmp"
	"context"
	"time"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/cases/wording"
)

// pollEvery is how soon a step that another instance recorded is seen.
const pollEvery = 500 * time.Millisecond

// readTimeout bounds what is read besides the wait.
const readTimeout = 10 * time.Second

// GetTimeline returns entries, and waits for one if there is none and the caller asked to.
func (h *Handlers) GetTimeline(ctx context.Context, r api.GetTimelineRequestObject) (api.GetTimelineResponseObject, error) {
	p := r.Params
	q := timelineQuery{
		merchantID: r.MerchantID, caseID: r.CaseID, buyerID: value(p.BuyerID), after: value(p.After), limit: cmp.Or(value(p.Limit), defaultLimit),
		// What is for staff never goes out under a buyer's name.
		staff: value(p.Audience) != api.Everyone && p.BuyerID == nil,
	}
	wait := time.Duration(value(p.WaitSeconds)) * time.Second
	ctx, cancel := context.WithTimeout(ctx, wait+readTimeout)
	defer cancel()
	entries, head, err := h.await(ctx, q, wait)
	if err != nil {
		return nil, err
	}
	voice := h.voice(ctx)
	return api.GetTimeline200JSONResponse{
		Entries: each(entries, func(e store.TimelineEntry) api.Entry { return entryFrom(e, voice) }),
		Status:  api.Status(head.Status), Version: head.Version,
	}, nil
}

type timelineQuery struct {
	merchantID, caseID, buyerID string
	after                       int64
	staff                       bool
	limit                       int
}

// await reads until there is something to return, the wait is over or ctx ends.
func (h *Handlers) await(ctx context.Context, q timelineQuery, wait time.Duration) ([]store.TimelineEntry, store.Head, error) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var seen store.Head
	for first := true; ; first = false {
		// Listening begins before reading, so that nothing falls in between.
		woken, stop := h.wake.listen(q.caseID)
		head, err := h.store.CaseHead(ctx, q.merchantID, q.caseID, q.buyerID)
		if err == nil && head.Version > max(q.after, seen.Version) {
			var entries []store.TimelineEntry
			entries, err = h.store.Entries(ctx, q.merchantID, q.caseID, q.buyerID, q.after, head.Version, q.staff, q.limit)
			if err == nil && len(entries) > 0 {
				stop()
				return entries, head, nil
			}
		}
		if err != nil {
			stop()
			if ctx.Err() != nil && !first {
				return nil, seen, nil
			}
			return nil, store.Head{}, err
		}
		seen = head
		select {
		case <-woken:
		case <-poll.C:
		case <-deadline.C:
			stop()
			return nil, seen, nil
		case <-ctx.Done():
			stop()
			return nil, seen, nil
		}
		stop()
	}
}

func entryFrom(e store.TimelineEntry, voice *wording.Voice) api.Entry {
	entry := api.Entry{
		Number: e.Number, Type: e.Type, At: e.At, Actor: api.Actor{Role: api.Role(e.Actor.Role), ID: e.Actor.ID},
		Audience: api.Audience(e.Audience), Title: voice.Title(e.Type, e.Actor.Role, e.Data), Rules: optionalList(e.Rules),
	}
	if len(e.Data) > 0 {
		entry.Data = &e.Data
	}
	if e.Note != nil {
		entry.Note = &api.Note{NoteID: e.Note.NoteID, Text: e.Note.Text, EvidenceIds: optionalList(e.Note.EvidenceIDs)}
	}
	return entry
}
