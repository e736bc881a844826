package insurer

import (
	"encoding/json"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
	"aftercare.dev/deploy/sandbox/fault"
)

func (s *Service) replay(raw []byte, backlog *callback.Backlog) error {
	var head struct {
		Op string `json:"op"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	switch head.Op {
	case "insure", "claim", "settle":
		p := &Policy{}
		if err := json.Unmarshal(raw, p); err != nil {
			return err
		}
		s.keep(p)
		if p.Op == "settle" {
			backlog.Owe(s.event(*p))
		}
	case "callback_set", "tokens_expired":
		var l settingLine
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		if l.Op == "callback_set" {
			s.callback = l.Callback
		} else {
			s.tokensFrom = l.Time
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

// write journals and keeps a new state. The caller holds the lock. A kept
// policy is never changed, so that it may be read without the lock.
func (s *Service) write(p *Policy) (Policy, *apiError) {
	t, err := s.journal.Enqueue(p)
	if err != nil {
		return Policy{}, failure(-1)
	}
	p.ticket = t
	s.keep(p)
	return *p, nil
}

func (s *Service) keep(p *Policy) {
	if s.policies[p.OrderNo] == nil {
		s.list = append(s.list, p.OrderNo)
	}
	s.policies[p.OrderNo] = p
	s.index["policy/"+p.PolicyNo] = p.OrderNo
	s.index["delivery/"+p.DeliveryNo] = p.OrderNo
	switch p.Op {
	case "claim":
		s.index["report/"+p.ReportNo] = p.OrderNo
		s.index["refund/"+p.RefundDeliveryNo] = p.OrderNo
		s.claims++
	case "settle":
		if p.Status == Paid {
			s.paid++
		}
	}
}

// durable answers when the line of p is on disk.
func (s *Service) durable(p Policy, m map[string]any) fault.Answer {
	if err := s.journal.Wait(p.ticket); err != nil {
		return refuse(failure(-1))
	}
	return reply(m)
}

func (s *Service) plan(p *Policy) {
	if p.Status != Claiming {
		return
	}
	orderNo := p.OrderNo
	s.cfg.Clock.At(p.Due, func() { s.settle(orderNo) })
}

// settle decides a claim: paid, unless a rule said otherwise.
func (s *Service) settle(orderNo string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.policies[orderNo]
	if old == nil || old.Status != Claiming {
		return
	}
	p := *old
	p.Op, p.Time, p.Due = "settle", s.cfg.Clock.Now(), time.Time{}
	if p.Outcome != "" {
		p.Status, p.PayFailReason, p.Amount = Failed, p.Outcome, 0
	} else {
		p.Status, p.PayTime = Paid, p.Time
	}
	if _, err := s.write(&p); err != nil {
		s.cfg.Logger.Error("sandbox: claim cannot be settled", "order_no", orderNo, "error", err)
		return
	}
	s.cfg.Callbacks.Send(s.event(p))
}
