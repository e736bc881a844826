package store

import (
	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/database"
)

// orderRow is the newest version of an order: who it belongs to and which content it has. Its lock is
// what makes two puts of an order wait for each other.
type orderRow struct {
	MerchantID  string `gorm:"primaryKey"`
	OrderID     string `gorm:"primaryKey"`
	BuyerID     string
	PlacedAt    database.Time
	Version     int64
	ContentHash string
	// Announced tells that order.shipped was written to the outbox, which happens once.
	Announced bool
	ChangedAt database.Time
	// ForgottenAt is when the contact was dropped for good: one that the shop sends later is not kept.
	ForgottenAt database.NullTime
}

func (orderRow) TableName() string { return "orders" }

// versionRow is the content of one version, without personal data. It is written once.
type versionRow struct {
	MerchantID string `gorm:"primaryKey"`
	OrderID    string `gorm:"primaryKey"`
	Version    int64  `gorm:"primaryKey"`
	Document   database.JSON[domain.Order]
	StoredAt   database.Time
}

func (versionRow) TableName() string { return "order_versions" }

// contactRow is the personal data of an order in its newest version, sealed; earlier ones are not kept.
type contactRow struct {
	MerchantID string `gorm:"primaryKey"`
	OrderID    string `gorm:"primaryKey"`
	Contact    string
	// PhoneIndex is the blind index of the phone number, empty without an index key.
	PhoneIndex string
}

func (contactRow) TableName() string { return "order_contacts" }

// lineRow counts the units of a line. Whoever gives or takes units updates it first, and so has its
// lock while working on the held units of the line.
type lineRow struct {
	MerchantID    string `gorm:"primaryKey"`
	OrderID       string `gorm:"primaryKey"`
	LineID        string `gorm:"primaryKey"`
	Quantity      int64
	Paid          int64
	Currency      string
	ReservedUnits int64
	ReturnedUnits int64
}

func (lineRow) TableName() string { return "order_lines" }

// heldRow is a range of units that a case holds or has returned; ranges of a line never overlap.
type heldRow struct {
	MerchantID string `gorm:"primaryKey"`
	OrderID    string `gorm:"primaryKey"`
	LineID     string `gorm:"primaryKey"`
	FromUnit   int64  `gorm:"primaryKey"`
	ToUnit     int64
	CaseID     string
	State      string
}

func (heldRow) TableName() string { return "held_units" }

// The states of a heldRow.
const (
	heldReserved = "reserved"
	heldReturned = "returned"
)

func (r heldRow) units() domain.Range { return domain.Range{From: r.FromUnit, To: r.ToUnit} }

// addTo adds the range to what is held of its order; the ranges of a line come lowest first.
func (r heldRow) addTo(order domain.Record) {
	held := order.Held[r.LineID]
	if r.State == heldReturned {
		held.Returned = append(held.Returned, r.units())
	} else {
		held.Reserved = append(held.Reserved, r.units())
	}
	order.Held[r.LineID] = held
}

// reservationRow is a case's reservation. A settled one without lines may be a tombstone, which keeps
// a reservation from being made that was ended before it arrived.
type reservationRow struct {
	MerchantID string `gorm:"primaryKey"`
	OrderID    string `gorm:"primaryKey"`
	CaseID     string `gorm:"primaryKey"`
	State      string
	Document   database.JSON[[]domain.ReservedLine]
	Completes  bool
	ReservedAt database.Time
	SettledAt  database.NullTime
}

func (reservationRow) TableName() string { return "reservations" }

func (r reservationRow) reservation() domain.Reservation {
	return domain.Reservation{
		OrderID: r.OrderID, CaseID: r.CaseID, State: domain.ReservationState(r.State), Lines: r.Document.V,
		CompletesOrder: r.Completes,
	}
}
