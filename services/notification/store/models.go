package store

import (
	"encoding/json"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/database"
)

type eventRow struct {
	MerchantID string `gorm:"primaryKey"`
	EventID    string `gorm:"primaryKey"`
	Type       string
	CaseID     string
	OrderID    string
	BuyerID    string
	Number     int64
	OccurredAt database.Time
	Audience   string
	Stage      string
	Status     string
	Outcome    string
	// Data is sealed, see dataAt.
	Data     string
	StoredAt database.Time
}

func (eventRow) TableName() string { return "events" }

func rowOfEvent(e domain.Event, storedAt database.Time) eventRow {
	return eventRow{
		MerchantID: e.MerchantID, EventID: e.EventID, Type: e.Type, CaseID: e.CaseID, OrderID: e.OrderID,
		BuyerID: e.BuyerID, Number: e.Number, OccurredAt: database.At(e.OccurredAt), Audience: string(e.Audience),
		Stage: e.Stage, Status: e.Status, Outcome: e.Outcome, Data: string(e.Data), StoredAt: storedAt,
	}
}

func (r eventRow) event(data json.RawMessage) domain.Event {
	return domain.Event{
		MerchantID: r.MerchantID, EventID: r.EventID, Type: r.Type, CaseID: r.CaseID, OrderID: r.OrderID,
		BuyerID: r.BuyerID, Number: r.Number, OccurredAt: r.OccurredAt.Time, Audience: domain.Audience(r.Audience),
		Stage: r.Stage, Status: r.Status, Outcome: r.Outcome, Data: data,
	}
}

type deliveryRow struct {
	DeliveryID  string `gorm:"primaryKey"`
	MerchantID  string
	EventID     string
	CaseID      string
	Type        string
	Channel     string
	TargetID    string
	State       string
	Attempts    int
	Step        int
	LastStatus  int
	LastError   string
	LeaseToken  string
	DueAt       database.NullTime
	CreatedAt   database.Time
	DeliveredAt database.NullTime
	ReadAt      database.NullTime
}

func (deliveryRow) TableName() string { return "deliveries" }

func rowOfDelivery(d domain.Delivery) deliveryRow {
	return deliveryRow{
		DeliveryID: d.DeliveryID, MerchantID: d.MerchantID, EventID: d.EventID, CaseID: d.CaseID, Type: d.Type,
		Channel: string(d.Channel), TargetID: d.TargetID, State: string(d.State), Attempts: d.Attempts, Step: d.Step,
		LastStatus: d.LastStatus, LastError: d.LastError, DueAt: database.NullAt(d.DueAt),
		CreatedAt: database.At(d.CreatedAt), DeliveredAt: database.NullAt(d.DeliveredAt), ReadAt: database.NullAt(d.ReadAt),
	}
}

func (r deliveryRow) delivery() domain.Delivery {
	return domain.Delivery{
		MerchantID: r.MerchantID, DeliveryID: r.DeliveryID, EventID: r.EventID, CaseID: r.CaseID, Type: r.Type,
		Channel: domain.Channel(r.Channel), TargetID: r.TargetID, State: domain.State(r.State),
		Attempts: r.Attempts, Step: r.Step, LastStatus: r.LastStatus, LastError: r.LastError,
		DueAt: r.DueAt.Time, CreatedAt: r.CreatedAt.Time, DeliveredAt: r.DeliveredAt.Time, ReadAt: r.ReadAt.Time,
	}
}

type endpointRow struct {
	MerchantID     string `gorm:"primaryKey"`
	EndpointID     string `gorm:"primaryKey"`
	IdempotencyKey string
	Fingerprint    string
	Slot           *int64
	URL            string
	Types          database.JSON[[]string]
	Enabled        bool
	DisabledReason string
	Failures       int
	FailingSince   database.NullTime
	Version        int64
	CreatedAt      database.Time
	RemovedAt      database.NullTime
}

func (endpointRow) TableName() string { return "webhook_endpoints" }

func (r endpointRow) endpoint() domain.Endpoint {
	return domain.Endpoint{
		MerchantID: r.MerchantID, EndpointID: r.EndpointID, URL: r.URL, Types: r.Types.V, Enabled: r.Enabled,
		DisabledReason: r.DisabledReason, Failures: r.Failures, FailingSince: r.FailingSince.Time, CreatedAt: r.CreatedAt.Time,
	}
}

type secretRow struct {
	MerchantID string `gorm:"primaryKey"`
	EndpointID string `gorm:"primaryKey"`
	SecretID   string `gorm:"primaryKey"`
	Secret     string
	CreatedAt  database.Time
	SignsUntil database.NullTime
}

func (secretRow) TableName() string { return "webhook_secrets" }
