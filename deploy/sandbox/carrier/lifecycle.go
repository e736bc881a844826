package carrier

import (
	"encoding/json"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/journal"
)

func (s *Service) replay(raw []byte, backlog *callback.Backlog) error {
	var head struct {
		Op string `json:"op"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	switch head.Op {
	case "order":
		o := &Order{}
		if err := json.Unmarshal(raw, o); err != nil {
			return err
		}
		s.keepOrder(o)
		if !o.Quiet {
			backlog.Owe(s.orderPush(*o))
		}
	case "parcel":
		var l parcelLine
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		p := s.keepParcel(l)
		for _, sub := range p.subs {
			backlog.Owe(s.trackPush(p, sub))
		}
	case "subscribe":
		sub := &subscription{}
		if err := json.Unmarshal(raw, sub); err != nil {
			return err
		}
		if p := s.keepSubscription(sub); len(p.nodes) > 0 {
			backlog.Owe(s.trackPush(p, sub))
		}
	case "callback":
		var l callback.Line
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		backlog.Note(l)
	}
	return nil
}

func (s *Service) keepOrder(o *Order) {
	s.orders[o.TaskID] = o
	s.aliases["order/"+o.OrderID] = o.TaskID
	if o.ThirdOrderID != "" {
		s.aliases["third/"+o.ThirdOrderID] = o.TaskID
	} else {
		s.aliases["digest/"+o.Digest] = o.TaskID
	}
}

func (s *Service) keepParcel(l parcelLine) *parcel {
	p := s.parcels[l.Num]
	if p == nil {
		p = &parcel{num: l.Num}
		s.parcels[l.Num] = p
	}
	p.com, p.taskID, p.outcome, p.due = l.Com, l.TaskID, l.Outcome, l.Due
	p.nodes = append(p.nodes, node{l.Stage, l.Time})
	return p
}

func (s *Service) keepSubscription(sub *subscription) *parcel {
	p := s.parcels[sub.Num]
	if p == nil {
		p = &parcel{num: sub.Num, com: sub.Com, outcome: sub.Outcome, phone: sub.Phone, due: sub.Due}
		s.parcels[sub.Num] = p
	}
	p.subs = append(p.subs, sub)
	return p
}

// advanceOrder writes and keeps a new state of an order, tells it, and plans
// the next. The caller holds the lock.
func (s *Service) advanceOrder(o *Order) error {
	if !o.Quiet {
		o.Due = time.Time{}
		if _, after, ok := s.cfg.Delays.nextStatus(o.Status, o.Outcome); ok {
			o.Due = s.cfg.Clock.Due(after)
		}
	}
	t, err := s.journal.Enqueue(o)
	if err != nil {
		return err
	}
	o.ticket = t
	s.keepOrder(o)
	if !o.Quiet {
		s.cfg.Callbacks.Send(s.orderPush(*o))
		s.planOrder(o)
	}
	return nil
}

func (s *Service) planOrder(o *Order) {
	if o.Due.IsZero() {
		return
	}
	id, due := o.TaskID, o.Due
	s.cfg.Clock.At(due, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if o := s.orders[id]; o != nil && o.Due.Equal(due) {
			s.stepOrder(*o)
		}
	})
}

// stepOrder takes an order to the state that follows.
func (s *Service) stepOrder(o Order) {
	status, _, ok := s.cfg.Delays.nextStatus(o.Status, o.Outcome)
	if !ok {
		return
	}
	s.setStatus(o, status)
}

// setStatus takes an order to a state, with what becomes known by it.
func (s *Service) setStatus(o Order, status int) {
	o.Status, o.Time, o.Quiet = status, s.cfg.Clock.Now(), false
	o.Seq++
	switch status {
	case Accepted:
		o.CourierName, o.CourierMobile = "李师傅", "139"+digits(8)
	case PickedUp:
		o.Num = carriers[o.Com] + digits(12)
	case Settled:
		o.PayStatus = 1
	case CancelledByOther, PickUpFailed, PlacingFailed:
		o.PayStatus = 3
	}
	if err := s.advanceOrder(&o); err != nil {
		s.cfg.Logger.Error("sandbox: order cannot go on", "task_id", o.TaskID, "error", err)
		return
	}
	if status == PickedUp {
		s.pickUp(o)
	}
}

// pickUp puts the parcel of an order on its way.
func (s *Service) pickUp(o Order) {
	outcome := o.Outcome
	s.move(&parcel{num: o.Num, com: o.Com, taskID: o.TaskID, outcome: outcome}, collected)
	if o.PollCallbackURL == "" {
		return
	}
	s.subscribe(&subscription{
		Op: "subscribe", Num: o.Num, Com: o.Com, URL: o.PollCallbackURL, Salt: o.Salt,
		ResultV2: o.ResultV2, Time: s.cfg.Clock.Now(),
	})
}

// subscribe writes and keeps a subscription; a parcel with a record is told at
// once. The caller holds the lock.
func (s *Service) subscribe(sub *subscription) (journal.Ticket, bool) {
	t, err := s.journal.Enqueue(sub)
	if err != nil {
		s.cfg.Logger.Error("sandbox: subscription not kept", "num", sub.Num, "error", err)
		return t, false
	}
	fresh := s.parcels[sub.Num] == nil
	p := s.keepSubscription(sub)
	p.ticket = t
	if fresh {
		s.planParcel(p)
	}
	if len(p.nodes) > 0 {
		s.cfg.Callbacks.Send(s.trackPush(p, sub))
	}
	return t, true
}

func (s *Service) planParcel(p *parcel) {
	if p.due.IsZero() {
		return
	}
	num, due := p.num, p.due
	s.cfg.Clock.At(due, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		p := s.parcels[num]
		if p == nil || !p.due.Equal(due) {
			return
		}
		if to, _, ok := s.cfg.Delays.next(p.stage(), p.outcome); ok {
			s.move(p, to)
		}
	})
}

// move takes a parcel to a stage, and its order along. The caller holds the
// lock.
func (s *Service) move(p *parcel, to stage) {
	l := parcelLine{
		Op: "parcel", Num: p.num, Com: p.com, TaskID: p.taskID, Stage: to, Outcome: p.outcome, Time: s.cfg.Clock.Now(),
	}
	if _, after, ok := s.cfg.Delays.next(to, p.outcome); ok {
		l.Due = s.cfg.Clock.Due(after)
	}
	t, err := s.journal.Enqueue(l)
	if err != nil {
		s.cfg.Logger.Error("sandbox: parcel cannot go on", "num", p.num, "error", err)
		return
	}
	p = s.keepParcel(l)
	p.ticket = t
	for _, sub := range p.subs {
		s.cfg.Callbacks.Send(s.trackPush(p, sub))
	}
	s.planParcel(p)
	if o := s.orders[p.taskID]; o != nil {
		if status, ok := map[stage]int{inTransit: InTransit, signed: Signed, returned: SentBack}[to]; ok {
			s.setStatus(*o, status)
		}
	}
}

// outcomeOf asks the rules how a self-shipped parcel will end.
func (s *Service) outcomeOf(keys map[string]string) string {
	r, _ := s.cfg.Faults.Take(fault.Call{System: System, Operation: "poll", Keys: keys}, fault.Outcome)
	return r.Outcome
}
