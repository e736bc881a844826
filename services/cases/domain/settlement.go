package domain

import (
	"fmt"

	"aftercare.dev/services/platform/money"
)

// Reservation is the units that the order service set aside for a case.
type Reservation struct {
	Currency string
	Lines    []ReservedLine
}

// ReservedLine is the units of one line. Paid is what was paid for all Quantity units of it.
type ReservedLine struct {
	LineID         string
	Quantity, Paid int64
	Units          []Range
}

// AcceptedLine is what the warehouse accepted of a line.
type AcceptedLine struct {
	LineID   string
	Quantity int64
	// Deduction is taken off for lost value; nil means nothing is.
	Deduction *money.Money
}

// SettledLine is what is refunded for a line, in minor units.
type SettledLine struct {
	LineID           string
	Quantity, Amount int64
}

// Settlement is what is refunded, in minor units of Currency.
type Settlement struct {
	Currency       string
	Lines          []SettledLine
	Freight, Total int64
}

// Settle computes the exact refund for what was accepted: the first units of the reservation, less
// deductions, plus freight in minor units, which is what [Judgement.FreightOnCompletion] lets come
// back. Errors are 422 problems that name the line.
func Settle(reservation Reservation, accepted []AcceptedLine, freight int64) (Settlement, error) {
	reserved := make(map[string]ReservedLine, len(reservation.Lines))
	for _, line := range reservation.Lines {
		reserved[line.LineID] = line
	}
	settlement := Settlement{Currency: reservation.Currency, Lines: []SettledLine{}, Freight: freight, Total: freight}
	for i, a := range accepted {
		line, known := reserved[a.LineID]
		if !known {
			return Settlement{}, Fault(CodeUnknownLine, fmt.Sprintf("lines[%d].line_id", i),
				fmt.Sprintf("line %s is not of this case, or is named for the second time", a.LineID))
		}
		delete(reserved, a.LineID)
		settled, err := settleLine(line, a, reservation.Currency, fmt.Sprintf("lines[%d]", i))
		if err != nil {
			return Settlement{}, err
		}
		settlement.Lines = append(settlement.Lines, settled)
		settlement.Total += settled.Amount
	}
	return settlement, nil
}

func settleLine(line ReservedLine, a AcceptedLine, currency, field string) (SettledLine, error) {
	if units := count(line.Units); a.Quantity < 0 || a.Quantity > units {
		return SettledLine{}, Fault(CodeInvalidSettlement, field+".accepted_quantity",
			fmt.Sprintf("line %s: must be 0 to %d, the units of the case", a.LineID, units))
	}
	amount := worth(line.Paid, line.Quantity, line.Units, a.Quantity)
	if a.Deduction != nil {
		if a.Deduction.Currency != currency {
			return SettledLine{}, Fault(CodeInvalidSettlement, field+".deduction.currency",
				fmt.Sprintf("line %s: must be %s, the currency of the order", a.LineID, currency))
		}
		if a.Deduction.Amount < 0 || a.Deduction.Amount > amount {
			return SettledLine{}, Fault(CodeInvalidSettlement, field+".deduction.amount",
				fmt.Sprintf("line %s: must be 0 to %d, the value of the accepted units", a.LineID, amount))
		}
		amount -= a.Deduction.Amount
	}
	return SettledLine{LineID: a.LineID, Quantity: a.Quantity, Amount: amount}, nil
}

// FreightOnCompletion tells whether the freight of the way out comes back with the last unit of the
// order, by the policy that the judgement pinned: it does when the merchant bears the case's freight.
func (j Judgement) FreightOnCompletion() bool { return j.ReturnFreight == Merchant }
