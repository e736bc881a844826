package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/outbox"
)

// TopicEvent is the topic of the message that announces an entry. Its payload is an [Event].
const TopicEvent = "case.event"

// Event is an entry as it is announced: ids, codes and amounts.
type Event struct {
	EventID    string         `json:"event_id"`
	MerchantID string         `json:"merchant_id"`
	Type       string         `json:"type"`
	CaseID     string         `json:"case_id"`
	OrderID    string         `json:"order_id"`
	BuyerID    string         `json:"buyer_id"`
	Number     int64          `json:"number"`
	OccurredAt time.Time      `json:"occurred_at"`
	Audience   string         `json:"audience"`
	Stage      string         `json:"stage"`
	Status     string         `json:"status"`
	Outcome    string         `json:"outcome,omitempty"`
	Data       map[string]any `json:"data,omitempty"`
}

// errTaken says that the step's place in the timeline is not the next one.
var errTaken = errors.New("the step is not the next one")

// Recorded is what became of a step. But for the version, a step that was recorded before leaves it empty.
type Recorded struct {
	// Version is the number of the step's last entry. Of a step that is repeated it is the number that the entry has, though
	// others may have followed: a caller that begins again comes to them next, and tells them under the numbers that they have.
	Version int64
	// Type is the type of the case.
	Type string
	// Opened and Closed tell that the case is new, or has just ended with Outcome.
	Opened, Closed bool
	Outcome        string
	// Reopened is why a closed case was opened again; empty if it was not.
	Reopened string
	// Missed is the consequence of the deadline that had passed when the step was told; empty if there was none.
	Missed string
}

// RecordStep writes entries, state and announcements in one transaction and returns the version after the step.
// What is recorded already is not recorded or announced again. A step of a caller that was overtaken is
// the problem step_stale, one that leaves a gap step_out_of_order.
//
// It is the hot path: a step takes three statements where this process has met the case before.
func (s *Store) RecordStep(ctx context.Context, merchantID, caseID string, step domain.Step) (Recorded, error) {
	var (
		recorded  Recorded
		announced outbox.Handover
	)
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		recorded, announced, err = s.append(tx, merchantID, caseID, step, s.next)
		return err
	})
	if errors.Is(err, errTaken) || database.IsDuplicate(err) {
		return s.reconcile(ctx, merchantID, caseID, step)
	}
	if err != nil {
		return Recorded{}, fmt.Errorf("record step: %w", err)
	}
	announced.Deliver()
	return recorded, nil
}

// advance puts the state of a step in place of the one before and tells what that was. The error is errTaken if the step is
// not the next one.
type advance func(tx *gorm.DB, merchantID, caseID string, step domain.Step) (standing, error)

// append adds the step if it is the next one.
func (s *Store) append(tx *gorm.DB, merchantID, caseID string, step domain.Step, to advance) (Recorded, outbox.Handover, error) {
	before, err := to(tx, merchantID, caseID, step)
	if err != nil {
		return Recorded{}, outbox.Handover{}, err
	}
	if err := addEntries(tx, merchantID, caseID, step); err != nil {
		return Recorded{}, outbox.Handover{}, err
	}
	announced, err := s.announce(tx, merchantID, caseID, before.Facts, step)
	return before.then(step), announced, err
}

// standing is a case before a step.
type standing struct {
	Facts    facts `gorm:"embedded"`
	Status   string
	Version  int64
	Deadline int64
	Document document
}

// then is what the step made of it.
func (b standing) then(step domain.Step) Recorded {
	state := step.State()
	r := Recorded{Version: step.Last(), Type: b.Facts.Type, Opened: step.First() == 1}
	if state.Status == domain.StatusClosed && b.Status != domain.StatusClosed {
		r.Closed, r.Outcome = true, state.Outcome
	}
	if b.Status == domain.StatusClosed && state.Status != domain.StatusClosed {
		r.Reopened = step.Reason()
	}
	if first := step.Entries()[0]; first.ByItself() && b.Status == domain.StatusOpen && deadlineOf(first.At) >= b.Deadline {
		r.Missed = domain.Consequence(b.Document.V)
	}
	return r
}

// next is for a step that is most likely the next one of an open case: the guard of the update finds out.
func (s *Store) next(tx *gorm.DB, merchantID, caseID string, step domain.Step) (standing, error) {
	known, ok := s.facts.Get(caseKey{merchantID, caseID})
	switch {
	case step.First() == 1:
		return s.open(tx, merchantID, caseID, step)
	case !ok || step.Reopens() || step.Entries()[0].ByItself():
		return s.after(tx, merchantID, caseID, step)
	}
	moved, err := setState(tx, merchantID, caseID, step, step.First()-1, domain.StatusOpen)
	if err == nil && !moved {
		err = errTaken
	}
	return standing{Facts: known, Status: domain.StatusOpen}, err
}

// after looks what the case was before the step.
func (s *Store) after(tx *gorm.DB, merchantID, caseID string, step domain.Step) (standing, error) {
	if step.First() == 1 {
		return s.open(tx, merchantID, caseID, step)
	}
	columns := "order_id, buyer_id, type, reason, channel, status, deadline, version"
	if step.Entries()[0].ByItself() {
		columns += ", document"
	}
	var before standing
	err := tx.Model(&Case{}).Select(columns).Where(ofCase, merchantID, caseID).Take(&before).Error
	if database.IsNotFound(err) || err == nil && before.Version != step.First()-1 {
		return standing{}, errTaken
	}
	if err != nil {
		return standing{}, err
	}
	s.facts.Put(caseKey{merchantID, caseID}, before.Facts)
	if before.Status == domain.StatusClosed && step.State().Status != domain.StatusClosed && !step.Reopens() {
		return standing{}, domain.Fault(domain.CodeCaseClosed, "entries[0].type", "the case is closed; only the entry case.reopened opens it again")
	}
	moved, err := setState(tx, merchantID, caseID, step, step.First()-1, before.Status)
	if err == nil && !moved {
		err = errTaken
	}
	return before, err
}

// setState puts the state of the step in place of the one before, if the case is at a version, is open or closed as it was
// seen, and nobody has overtaken the caller.
func setState(tx *gorm.DB, merchantID, caseID string, step domain.Step, from int64, status string) (bool, error) {
	state, at := step.State(), database.At(step.Entries()[len(step.Entries())-1].At)
	closed, to := state.Status == domain.StatusClosed, max(from, step.Last())
	update := tx.Exec(`UPDATE cases SET stage = ?, status = ?, outcome = ?, deadline = ?, awaiting = ?, needs_attention = ?,
	attention_reason = ?, tracking_number = ?, document = ?, version = ?, fence = ?, updated_at = ?, closed_at = CASE WHEN ? THEN COALESCE(closed_at, ?) ELSE NULL END
	WHERE merchant_id = ? AND case_id = ? AND version = ? AND status = ? AND fence <= ?`,
		state.Stage, state.Status, state.Outcome, deadlineOf(state.Deadline), state.Awaiting, flag(state.NeedsAttention),
		state.AttentionReason, state.TrackingNumber, database.AsJSON(state.Document), to, step.Fence(), at, closed, at,
		merchantID, caseID, from, status, step.Fence())
	return update.RowsAffected > 0, update.Error
}

// open makes the case visible.
func (s *Store) open(tx *gorm.DB, merchantID, caseID string, step domain.Step) (standing, error) {
	f, err := s.asked(tx, merchantID, caseID)
	if err != nil {
		return standing{}, err
	}
	entries := step.Entries()
	state, at := step.State(), database.At(entries[len(entries)-1].At)
	row := Case{
		MerchantID: merchantID, CaseID: caseID, OrderID: f.OrderID, BuyerID: f.BuyerID, Type: f.Type, Reason: f.Reason, Channel: f.Channel,
		Stage: state.Stage, Status: state.Status, Outcome: state.Outcome, Deadline: deadlineOf(state.Deadline), Awaiting: state.Awaiting,
		NeedsAttention: flag(state.NeedsAttention), AttentionReason: state.AttentionReason, TrackingNumber: state.TrackingNumber, Document: document{V: state.Document},
		Version: step.Last(), Fence: step.Fence(), OpenedAt: database.At(entries[0].At), UpdatedAt: at,
	}
	if state.Status == domain.StatusClosed {
		row.ClosedAt = database.NullAt(at.Time)
	}
	return standing{Facts: f}, tx.Create(&row).Error
}

// asked are the facts of a case that has been asked for.
func (s *Store) asked(tx *gorm.DB, merchantID, caseID string) (facts, error) {
	if f, ok := s.facts.Get(caseKey{merchantID, caseID}); ok {
		return f, nil
	}
	var f facts
	err := tx.Model(&applicationRow{}).Select("order_id, buyer_id, type, reason, channel").Where(ofCase, merchantID, caseID).Take(&f).Error
	if database.IsNotFound(err) {
		return facts{}, caseNotFound()
	}
	if err == nil {
		s.facts.Put(caseKey{merchantID, caseID}, f)
	}
	return f, err
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

func addEntries(tx *gorm.DB, merchantID, caseID string, step domain.Step) error {
	rows := make([]entryRow, 0, len(step.Entries()))
	for _, e := range step.Entries() {
		hash, err := e.Hash()
		if err != nil {
			return err
		}
		rows = append(rows, entryRow{
			MerchantID: merchantID, CaseID: caseID, Number: e.Number, Type: e.Type, At: database.At(e.At),
			ActorRole: e.Actor.Role, ActorID: e.Actor.ID, Rules: database.AsJSON(e.Rules), NoteID: e.NoteID,
			Audience: e.Audience, Data: database.AsJSON(e.Data), EntryHash: hash,
		})
	}
	return tx.Create(&rows).Error
}

// announce writes a message for each entry; those of one case stay in order, and have the places of the entries.
func (s *Store) announce(tx *gorm.DB, merchantID, caseID string, of facts, step domain.Step) (outbox.Handover, error) {
	state := step.State()
	messages := make([]outbox.Message, 0, len(step.Entries()))
	for _, e := range step.Entries() {
		payload, err := json.Marshal(Event{
			EventID: fmt.Sprintf("%s:%d", caseID, e.Number), MerchantID: merchantID, Type: e.Type,
			CaseID: caseID, OrderID: of.OrderID, BuyerID: of.BuyerID, Number: e.Number, OccurredAt: e.At,
			Audience: e.Audience, Stage: state.Stage, Status: state.Status, Outcome: state.Outcome, Data: e.Data,
		})
		if err != nil {
			return outbox.Handover{}, err
		}
		messages = append(messages, outbox.Message{Topic: TopicEvent, Key: caseID, Sequence: e.Number, Payload: payload})
	}
	return s.relay.Add(tx, messages...)
}

// reconcile records a step whose place is taken. The caller recorded it before, or lost its memory of
// what it recorded there: then what is new of the step follows it.
func (s *Store) reconcile(ctx context.Context, merchantID, caseID string, step domain.Step) (recorded Recorded, err error) {
	var announced outbox.Handover
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		head, err := lockHead(tx, merchantID, caseID)
		if err != nil {
			return err
		}
		if step.First() > head.Version+1 {
			return domain.Fault(domain.CodeStepOutOfOrder, "entries[0].number",
				fmt.Sprintf("entry %d is not recorded, so that %d cannot be", step.First()-1, step.First()))
		}
		told, err := toldSince(tx, merchantID, caseID, step.First())
		if err != nil {
			return err
		}
		rest, repeated, err := step.After(head.Version, told)
		switch {
		case err != nil:
			return err
		case rest.Empty():
			recorded, announced = Recorded{Version: repeated}, outbox.Handover{}
			return s.repeat(tx, merchantID, caseID, head, step, repeated)
		case step.Fence() < head.Fence:
			return domain.Fault(domain.CodeStepStale, "fence", "another attempt of the caller has recorded further steps")
		case step.Fence() == 0:
			return domain.Fault(domain.CodeStepDiffers, "entries[0].number", "another step is recorded under these numbers")
		}
		recorded, announced, err = s.append(tx, merchantID, caseID, rest, s.after)
		return err
	})
	if err != nil {
		return Recorded{}, fmt.Errorf("record step: %w", err)
	}
	announced.Deliver()
	return recorded, nil
}

// repeat shows the state of a step that was told before, up to a number: its deadlines are those of the last attempt. It
// does not take back what the same attempt told behind it, and never the end of a case: an attempt that does not come to
// that end again says so with an entry.
func (s *Store) repeat(tx *gorm.DB, merchantID, caseID string, head Case, step domain.Step, told int64) error {
	overtakes := step.Fence() > head.Fence || step.Fence() == head.Fence && told == head.Version
	if !overtakes || head.Status == domain.StatusClosed && step.State().Status != domain.StatusClosed {
		return nil
	}
	_, err := setState(tx, merchantID, caseID, step, head.Version, head.Status)
	return err
}

// lockHead reads where a case is, and keeps others from moving it until the transaction ends.
func lockHead(tx *gorm.DB, merchantID, caseID string) (Case, error) {
	locked := tx.Model(&Case{}).Where(ofCase, merchantID, caseID).Update("touched", gorm.Expr("touched + 1"))
	if locked.Error != nil {
		return Case{}, locked.Error
	}
	var head Case
	err := tx.Select("version, status, fence").Where(ofCase, merchantID, caseID).Take(&head).Error
	if !database.IsNotFound(err) {
		return head, err
	}
	err = tx.Select("case_id").Where(ofCase, merchantID, caseID).Take(&applicationRow{}).Error
	if database.IsNotFound(err) {
		return Case{}, caseNotFound()
	}
	return Case{}, err
}

// toldSince has the numbers of the entries from a number on, by their hashes, in order.
func toldSince(tx *gorm.DB, merchantID, caseID string, number int64) (map[string][]int64, error) {
	var entries []entryRow
	err := tx.Select("number, entry_hash").Where(ofCase+" AND number >= ?", merchantID, caseID, number).Order("number").Find(&entries).Error
	if err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	told := make(map[string][]int64, len(entries))
	for _, e := range entries {
		told[e.EntryHash] = append(told[e.EntryHash], e.Number)
	}
	return told, nil
}
