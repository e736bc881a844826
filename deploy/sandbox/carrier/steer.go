package carrier

import (
	"errors"
	"fmt"
	"slices"
)

// Errors of Steer.
var (
	ErrUnknownParcel = errors.New("no parcel or booking has this number")
	ErrCannotMove    = errors.New("the parcel cannot go there")
)

// SteerStates are the states that Steer knows.
var SteerStates = []string{
	"accepted", "pickup_failed", "carrier_cancelled", "picked_up",
	"in_transit", "signed", Lost, Refused, Returned,
}

// Steer takes a parcel to a state at once. The number is a tracking number, or
// a booking's taskId, orderId or thirdOrderId. Steps in between that a parcel
// cannot leave out (it is picked up before it travels) are made as well; after
// lost, refused and returned it goes on by itself.
func (s *Service) Steer(number, state string) error {
	if !slices.Contains(SteerStates, state) {
		return fmt.Errorf("%w: state %q is none of %v", ErrCannotMove, state, SteerStates)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parcels[number]
	if p == nil {
		o := s.orderNamed(number)
		if o == nil {
			return ErrUnknownParcel
		}
		if done, err := s.steerOrder(*o, state); done || err != nil {
			return err
		}
		p = s.parcels[s.orders[o.TaskID].Num]
	}
	return s.steerParcel(p, state)
}

func (s *Service) orderNamed(number string) *Order {
	for _, id := range []string{number, s.aliases["order/"+number], s.aliases["third/"+number]} {
		if o := s.orders[id]; o != nil {
			return o
		}
	}
	return nil
}

// steerOrder moves what is still a booking; done if that was all.
func (s *Service) steerOrder(o Order, state string) (done bool, err error) {
	if o.dead() {
		return true, fmt.Errorf("%w: the booking has ended", ErrCannotMove)
	}
	early := map[string]int{"accepted": Accepted, "pickup_failed": PickUpFailed, "carrier_cancelled": CancelledByOther}
	status, isEarly := early[state]
	if !o.open() {
		if isEarly {
			return true, fmt.Errorf("%w: it was picked up", ErrCannotMove)
		}
		return false, nil
	}
	if isEarly {
		s.setStatus(o, status)
		return true, nil
	}
	if o.Status == Placed {
		s.setStatus(o, Accepted)
		o = *s.orders[o.TaskID]
	}
	s.setStatus(o, PickedUp)
	return state == "picked_up", nil
}

func (s *Service) steerParcel(p *parcel, state string) error {
	if p == nil {
		return ErrUnknownParcel
	}
	switch p.stage() {
	case signed, returned, aborted:
		return fmt.Errorf("%w: its way has ended", ErrCannotMove)
	default:
	}
	to, ok := map[string]stage{
		"picked_up": collected, "in_transit": inTransit, "signed": signed,
		Lost: problem, Refused: refused, Returned: returned,
	}[state]
	if !ok || p.stage() == to {
		return fmt.Errorf("%w: it is %s", ErrCannotMove, p.stage())
	}
	if p.stage() == unknown && to != collected {
		s.move(p, collected)
	}
	p = s.parcels[p.num]
	p.outcome = ""
	switch state {
	case Lost, Refused, Returned:
		p.outcome = state
	}
	s.move(p, to)
	return nil
}
