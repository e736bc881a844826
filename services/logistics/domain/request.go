// Package domain holds the rules of parcels and freight insurance: what may follow what, what a
// request must hold, and the words in which the service speaks with any carrier or insurer.
// It does no I/O.
package domain

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Direction tells where a parcel goes.
type Direction string

// The directions of the contract.
const (
	ToWarehouse Direction = "to_warehouse"
	ToBuyer     Direction = "to_buyer"
)

// Method tells who brings the parcel to the carrier.
type Method string

// The methods of the contract.
const (
	Pickup   Method = "pickup"
	SelfShip Method = "self_ship"
)

// InvalidError says which field of a request is wrong, in the words of the contract, and why.
type InvalidError struct {
	Field, Detail string
}

// Error returns the field and the reason; neither holds a value that somebody gave.
func (e *InvalidError) Error() string { return e.Field + " " + e.Detail }

// Request is what a caller wants moved. It is what two calls with one id must agree on.
type Request struct {
	CaseID, OrderID string
	Direction       Direction
	Method          Method

	// Slot and ContactID are of a pickup; a zero slot means the next free one, and an empty contact
	// the address of the order or the warehouse.
	Slot        Slot
	ContactID   string
	WeightGrams int

	// Carrier and TrackingNumber are of a parcel that somebody brings.
	Carrier, TrackingNumber string
}

// Validate returns an [*InvalidError] if the request contradicts itself. Slots are checked against now
// when a courier is booked, not here: the same request must stay valid when it is repeated later.
func (r Request) Validate() error {
	if r.Direction != ToWarehouse && r.Direction != ToBuyer {
		return &InvalidError{"direction", "must be to_warehouse or to_buyer"}
	}
	switch r.Method {
	case Pickup:
		if r.Carrier != "" || r.TrackingNumber != "" {
			return &InvalidError{"parcel", "belongs to self_ship; a pickup gets its number from the carrier"}
		}
	case SelfShip:
		if r.Carrier == "" || r.TrackingNumber == "" {
			return &InvalidError{"parcel", "is needed for self_ship: carrier and tracking_number"}
		}
		if !r.Slot.IsZero() || r.ContactID != "" || r.WeightGrams != 0 {
			return &InvalidError{"pickup", "belongs to the method pickup"}
		}
	default:
		return &InvalidError{"method", "must be pickup or self_ship"}
	}
	return nil
}

// Fingerprint is equal for two requests that ask for the same.
func (r Request) Fingerprint() string {
	hash := sha256.New()
	for _, part := range []string{
		r.CaseID, r.OrderID, string(r.Direction), string(r.Method), stamp(r.Slot.Start), stamp(r.Slot.End),
		r.ContactID, strconv.Itoa(r.WeightGrams), r.Carrier, r.TrackingNumber,
	} {
		fmt.Fprintf(hash, "%d:%s,", len(part), part)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// NormalNumber is a tracking number as two people would write it: without spaces, in capitals.
func NormalNumber(number string) string {
	return strings.ToUpper(strings.TrimSpace(number))
}

// NormalCarrier is a carrier code in the form that kuaidi100 wants: lower case.
func NormalCarrier(code string) string { return strings.ToLower(strings.TrimSpace(code)) }

// NewSecret returns 160 random bits in hex, fit for the path of a callback address and as a salt.
func NewSecret() string {
	var raw [20]byte
	// Read never fails and never returns less (crypto/rand since Go 1.24).
	_, _ = rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

// EventID names the wake-up that a change of state causes. It is the same on every delivery of the
// same news, and another one when a state that can come again comes again.
func EventID(shipmentID string, o Observation) string {
	id := shipmentID + ":" + string(o.State)
	if (o.State == Exception || o.State == Lost || o.State == Refused) && !o.At.IsZero() {
		id += fmt.Sprintf(":%d", o.At.Unix())
	}
	return id
}

func hashHex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
