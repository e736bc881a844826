package store

import (
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/outbox"
)

// TopicShipped is the topic of the message that an insured order is on its way. Its payload is a
// domain.Shipped. There is one for each order, ever.
const TopicShipped = "order.shipped"

// announce writes the message in the transaction that stores the delivery. The id follows from the
// order, so that even a second attempt could not announce it twice.
func announce(tx *gorm.DB, shipped domain.Shipped) error {
	payload, err := json.Marshal(shipped)
	if err != nil {
		return fmt.Errorf("announce order: %w", err)
	}
	return outbox.Add(tx, outbox.Message{
		ID: ids.Derive("msg", TopicShipped, shipped.MerchantID, shipped.OrderID), Topic: TopicShipped, Payload: payload,
	})
}
