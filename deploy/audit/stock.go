package audit

// checkStock counts the units of every order: those that cases hold, and those that came back for good.
func (a *auditor) checkStock() {
	for key, o := range a.orders {
		reservedUnits, returnedUnits := map[string]int64{}, map[string]int64{}
		for _, h := range o.held {
			if h.state == "returned" {
				returnedUnits[h.line] += h.to - h.from
			} else {
				reservedUnits[h.line] += h.to - h.from
			}
			if c := a.cases[id{key.merchant, h.caseID}]; c == nil {
				a.find(Lost, "stock", key, "units of %s are held for %s, which is no case", h.line, h.caseID)
			} else if h.state == reserved && c.status == "closed" {
				a.find(Stuck, "stock", key, "units of %s are held for %s, which is closed", h.line, h.caseID)
			}
		}
		for name, l := range o.lines {
			if l.reserved != reservedUnits[name] || l.returned != returnedUnits[name] || l.reserved+l.returned > l.quantity {
				a.find(Wrong, "stock", key, "of %d %s %d are reserved and %d returned; by unit it is %d and %d",
					l.quantity, name, l.reserved, l.returned, reservedUnits[name], returnedUnits[name])
			}
		}
		for caseID, state := range o.reservations {
			c := a.cases[id{key.merchant, caseID}]
			if c != nil && c.status == "closed" && state == "open" {
				a.find(Stuck, "stock", key, "the reservation of %s is open, the case is closed", caseID)
			}
		}
	}
}

// checkCouriers holds each parcel that is picked up against the carrier: one courier comes for it, and for nothing else.
func (a *auditor) checkCouriers() {
	known := map[string]shipment{}
	for key, s := range a.shipments {
		known[key.id] = s
	}
	for remark, bookings := range a.couriers {
		s, ours := known[remark]
		alive := 0
		for _, b := range bookings {
			if !b.dead {
				alive++
			}
		}
		switch {
		case !ours && alive > 0:
			a.find(Doubled, "courier", remark, "%d couriers come for a parcel that nobody knows of", alive)
		case alive > 1:
			a.find(Doubled, "courier", remark, "%d couriers come for one parcel", alive)
		case alive > 0 && (s.state == "cancelled" || s.state == "pickup_failed"):
			a.find(Doubled, "courier", remark, "a courier comes although the parcel is %s", s.state)
		}
	}
	for key, s := range a.shipments {
		if s.method == "pickup" && s.state != "requested" && s.state != "cancelled" && s.state != "pickup_failed" && len(a.couriers[key.id]) == 0 {
			a.find(Lost, "courier", key, "it is %s, and the carrier has no booking", s.state)
		}
	}
}

// The states of a policy at the insurer, and of a claim here.
const (
	insurerPaid = 5
	claimPaid   = "paid"
)

// checkClaims holds each claim against the insurer: one for an order, with the payout that was made.
func (a *auditor) checkClaims() {
	byNumber := map[string]claim{}
	for _, c := range a.claims {
		if c.number != "" {
			byNumber[c.number] = c
		}
	}
	for order, p := range a.policies {
		if len(p.reports) > 1 || p.settled > 1 {
			a.find(Doubled, "claim", order, "the insurer has %d claims and decided %d times", len(p.reports), p.settled)
		}
		for report := range p.reports {
			c, ours := byNumber[report]
			switch {
			case !ours:
				a.find(Lost, "claim", report, "the insurer has a claim that nobody knows of")
			case p.status == insurerPaid && c.state == claimPaid && c.payout != p.amount:
				a.find(Wrong, "claim", report, "the insurer paid %d, the claim says %d", p.amount, c.payout)
			case p.status != insurerPaid && c.state == claimPaid:
				a.find(Wrong, "claim", report, "it counts as paid, the insurer has it in state %d", p.status)
			}
		}
	}
}
