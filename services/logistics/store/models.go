package store

import (
	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

// shipment is a row of shipments.
type shipment struct {
	MerchantID     string
	ShipmentID     string
	CaseID         string
	OrderID        string
	Direction      string
	Method         string
	Request        database.JSON[domain.Request]
	Fingerprint    string
	Token          string
	Salt           string
	State          string
	StateAt        database.NullTime
	Reason         string
	Carrier        string
	TrackingNumber string
	OpenTracking   *string
	SlotStart      database.NullTime
	SlotEnd        database.NullTime
	FreightFen     int64
	PickedUpAt     database.NullTime
	DeliveredAt    database.NullTime
	TaskID         string
	CarrierOrder   string
	Strays         database.JSON[[]domain.Stray]
	AskedAt        database.NullTime
	Asked          int64
	CancelWanted   bool
	SlotPending    bool
	Subscribed     bool
	QueriedAt      database.NullTime
	LastScanAt     database.NullTime
	Lease          string
	LeaseUntil     database.NullTime
	RetryAt        database.NullTime
	WorkAt         database.NullTime
	CreatedAt      database.Time
	UpdatedAt      database.Time
	Version        int64
}

// TableName implements GORM's Tabler.
func (shipment) TableName() string { return "shipments" }

func shipmentRow(s domain.Shipment, workAt database.NullTime) shipment {
	row := shipment{
		MerchantID: s.MerchantID, ShipmentID: s.ShipmentID,
		CaseID: s.Request.CaseID, OrderID: s.Request.OrderID,
		Direction: string(s.Request.Direction), Method: string(s.Request.Method),
		Request: database.AsJSON(s.Request), Fingerprint: s.Fingerprint,
		Token: s.Token, Salt: s.Salt,
		State: string(s.Seen.State), StateAt: database.NullAt(s.Seen.At), Reason: s.Seen.Reason,
		Carrier: s.Carrier, TrackingNumber: s.TrackingNumber,
		SlotStart: database.NullAt(s.Slot.Start), SlotEnd: database.NullAt(s.Slot.End),
		FreightFen: s.FreightFen,
		PickedUpAt: database.NullAt(s.PickedUpAt), DeliveredAt: database.NullAt(s.DeliveredAt),
		TaskID: s.Order.TaskID, CarrierOrder: s.Order.OrderID, Strays: database.AsJSON(s.Strays),
		AskedAt: database.NullAt(s.AskedAt), Asked: int64(s.Asked),
		CancelWanted: s.CancelWanted, SlotPending: s.SlotPending, Subscribed: s.Subscribed,
		QueriedAt: database.NullAt(s.QueriedAt), LastScanAt: database.NullAt(s.LastScanAt),
		Lease: s.Lease, LeaseUntil: database.NullAt(s.LeaseUntil),
		RetryAt: database.NullAt(s.RetryAt), WorkAt: workAt,
		CreatedAt: database.At(s.CreatedAt), UpdatedAt: database.At(s.UpdatedAt), Version: s.Version,
	}
	if key := s.OpenTracking(); key != "" {
		row.OpenTracking = &key
	}
	return row
}

func (row shipment) domain() domain.Shipment {
	return domain.Shipment{
		MerchantID: row.MerchantID, ShipmentID: row.ShipmentID,
		Request: row.Request.V, Fingerprint: row.Fingerprint,
		Token: row.Token, Salt: row.Salt,
		Seen:    domain.Observation{State: domain.State(row.State), At: row.StateAt.Time, Reason: row.Reason},
		Carrier: row.Carrier, TrackingNumber: row.TrackingNumber,
		Slot:       domain.Slot{Start: row.SlotStart.Time, End: row.SlotEnd.Time},
		FreightFen: row.FreightFen,
		PickedUpAt: row.PickedUpAt.Time, DeliveredAt: row.DeliveredAt.Time,
		Order: domain.OrderRef{TaskID: row.TaskID, OrderID: row.CarrierOrder}, Strays: row.Strays.V,
		AskedAt: row.AskedAt.Time, Asked: int(row.Asked),
		CancelWanted: row.CancelWanted, SlotPending: row.SlotPending, Subscribed: row.Subscribed,
		QueriedAt: row.QueriedAt.Time, LastScanAt: row.LastScanAt.Time,
		Lease: row.Lease, LeaseUntil: row.LeaseUntil.Time, RetryAt: row.RetryAt.Time,
		CreatedAt: row.CreatedAt.Time, UpdatedAt: row.UpdatedAt.Time, Version: row.Version,
	}
}

// trace is a row of shipment_traces.
type trace struct {
	MerchantID   string
	ShipmentID   string
	CourierName  string
	CourierPhone string
	// Courier is name and phone, sealed; NULL where they are plain, in the columns above.
	Courier *string
	// Scans is JSON, sealed or plain.
	Scans string
	// Since is when it began to be kept; zero if a program that did not know wrote it.
	Since int64
}

// TableName implements GORM's Tabler.
func (trace) TableName() string { return "shipment_traces" }

// callback is a row of carrier_callbacks.
type callback struct {
	MerchantID string
	ShipmentID string
	Digest     string
	EventID    string
	ReceivedAt database.Time
}

// TableName implements GORM's Tabler.
func (callback) TableName() string { return "carrier_callbacks" }

// contact is a row of contacts.
type contact struct {
	MerchantID string
	ContactID  string
	Name       string
	Phone      string
	Province   string
	City       string
	District   string
	Street     string
	CreatedAt  database.Time
	// Sealed is the whole contact; NULL where it is plain, in the columns above.
	Sealed *string
	// OrderID is the order it is for, empty for a merchant's own and for those of the first release.
	OrderID string
}

// TableName implements GORM's Tabler.
func (contact) TableName() string { return "contacts" }

func (row contact) domain(s *seal.Sealer) (domain.Contact, error) {
	if row.Sealed != nil {
		return seal.OpenDocument[domain.Contact](s, contactAt(row.MerchantID, row.ContactID), *row.Sealed)
	}
	return domain.Contact{
		Name: row.Name, Phone: row.Phone,
		Province: row.Province, City: row.City, District: row.District, Street: row.Street,
	}, nil
}

// returnAddress is a row of return_addresses.
type returnAddress struct {
	MerchantID string
	ContactID  string
	UpdatedAt  database.Time
}

// TableName implements GORM's Tabler.
func (returnAddress) TableName() string { return "return_addresses" }

// policy is a row of insurance_policies.
type policy struct {
	MerchantID       string
	OrderID          string
	PaymentReference string
	PaidAt           database.Time
	PaidFen          int64
	Carrier          string
	TrackingNumber   string
	State            string
	PolicyNumber     string
	EstimateFen      int64
	EndsAt           database.NullTime
	Reason           string
	AskedAt          database.NullTime
	Asked            int64
	CreatedAt        database.Time
	UpdatedAt        database.Time
	Version          int64
}

// TableName implements GORM's Tabler.
func (policy) TableName() string { return "insurance_policies" }

func policyRow(p domain.Policy) policy {
	return policy{
		MerchantID: p.MerchantID, OrderID: p.OrderID,
		PaymentReference: p.Input.PaymentReference, PaidAt: database.At(p.Input.PaidAt), PaidFen: p.Input.PaidFen,
		Carrier: p.Input.Carrier, TrackingNumber: p.Input.TrackingNumber,
		State: string(p.State), PolicyNumber: p.Number, EstimateFen: p.EstimateFen,
		EndsAt: database.NullAt(p.EndsAt), Reason: p.Reason,
		AskedAt: database.NullAt(p.AskedAt), Asked: int64(p.Asked),
		CreatedAt: database.At(p.CreatedAt), UpdatedAt: database.At(p.UpdatedAt), Version: p.Version,
	}
}

func (row policy) domain() domain.Policy {
	return domain.Policy{
		MerchantID: row.MerchantID, OrderID: row.OrderID,
		Input: domain.PolicyInput{
			PaymentReference: row.PaymentReference, PaidAt: row.PaidAt.Time, PaidFen: row.PaidFen,
			Carrier: row.Carrier, TrackingNumber: row.TrackingNumber,
		},
		State: domain.PolicyState(row.State), Number: row.PolicyNumber, EstimateFen: row.EstimateFen,
		EndsAt: row.EndsAt.Time, Reason: row.Reason,
		AskedAt: row.AskedAt.Time, Asked: int(row.Asked),
		CreatedAt: row.CreatedAt.Time, UpdatedAt: row.UpdatedAt.Time, Version: row.Version,
	}
}

// claim is a row of insurance_claims.
type claim struct {
	MerchantID   string
	CaseID       string
	OrderID      string
	ShipmentID   string
	ClaimedOrder *string
	State        string
	ClaimNumber  string
	PayoutFen    int64
	PaidAt       database.NullTime
	Reason       string
	AskedAt      database.NullTime
	Asked        int64
	CreatedAt    database.Time
	UpdatedAt    database.Time
	Version      int64
}

// TableName implements GORM's Tabler.
func (claim) TableName() string { return "insurance_claims" }

func claimRow(c domain.Claim) claim {
	row := claim{
		MerchantID: c.MerchantID, CaseID: c.CaseID, OrderID: c.OrderID, ShipmentID: c.ShipmentID,
		State: string(c.State), ClaimNumber: c.Number, PayoutFen: c.PayoutFen,
		PaidAt: database.NullAt(c.PaidAt), Reason: c.Reason,
		AskedAt: database.NullAt(c.AskedAt), Asked: int64(c.Asked),
		CreatedAt: database.At(c.CreatedAt), UpdatedAt: database.At(c.UpdatedAt), Version: c.Version,
	}
	if c.Holds {
		row.ClaimedOrder = &c.OrderID
	}
	return row
}

func (row claim) domain() domain.Claim {
	return domain.Claim{
		MerchantID: row.MerchantID, CaseID: row.CaseID, OrderID: row.OrderID, ShipmentID: row.ShipmentID,
		State: domain.ClaimState(row.State), Number: row.ClaimNumber, PayoutFen: row.PayoutFen,
		PaidAt: row.PaidAt.Time, Reason: row.Reason, Holds: row.ClaimedOrder != nil,
		AskedAt: row.AskedAt.Time, Asked: int(row.Asked),
		CreatedAt: row.CreatedAt.Time, UpdatedAt: row.UpdatedAt.Time, Version: row.Version,
	}
}
