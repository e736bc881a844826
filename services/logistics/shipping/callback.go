package shipping

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"aftercare.dev/services/logistics/domain"
)

// Parse verifies what came to a shipment's callback address and tells what it says.
type Parse func(salt string) (domain.Report, error)

// Event is a case to wake.
type Event struct {
	ID, MerchantID, CaseID, Subject string
}

// Callback takes what a carrier sent to the address with this token. It returns the case to wake, if the
// parcel came to stand where a case should look, and the same again for the same body. An error of parse
// is returned as it is, and nothing is changed then.
func (d *Desk) Callback(ctx context.Context, token string, body []byte, parse Parse) ([]Event, error) {
	s, err := d.store.ShipmentOf(ctx, token)
	if err != nil {
		return nil, err
	}
	report, err := parse(s.Salt)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	eventID, err := d.store.Receive(ctx, s.MerchantID, s.ShipmentID, hex.EncodeToString(sum[:]),
		func(s *domain.Shipment) (string, error) {
			seen, wake := s.Receive(report, d.now().UTC())
			if !wake {
				return "", nil
			}
			return domain.EventID(s.ShipmentID, seen), nil
		})
	if err != nil {
		return nil, err
	}
	if eventID == "" || s.Request.CaseID == "" {
		return nil, nil
	}
	return []Event{{ID: eventID, MerchantID: s.MerchantID, CaseID: s.Request.CaseID, Subject: s.ShipmentID}}, nil
}
