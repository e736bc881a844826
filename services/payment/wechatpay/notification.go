package wechatpay

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"aftercare.dev/services/payment/domain"
)

// maxNotification is the largest notification that is looked at; a real one is under 3 kB.
const maxNotification = 1 << 20

const algorithm = "AEAD_AES_256_GCM"

// ErrNotAuthentic says that a notification was not signed by the platform, lately, for this body.
var ErrNotAuthentic = errors.New("notification is not authentic")

// ErrUnreadable says that an authentic notification is not one about a refund of this merchant.
var ErrUnreadable = errors.New("notification is not readable")

type notificationBody struct {
	ID           string `json:"id"`
	EventType    string `json:"event_type"`
	ResourceType string `json:"resource_type"`
	Resource     struct {
		Algorithm      string `json:"algorithm"`
		Ciphertext     string `json:"ciphertext"`
		AssociatedData string `json:"associated_data"`
		Nonce          string `json:"nonce"`
		OriginalType   string `json:"original_type"`
	} `json:"resource"`
}

type notifiedRefund struct {
	MchID        string `json:"mchid"`
	OutTradeNo   string `json:"out_trade_no"`
	OutRefundNo  string `json:"out_refund_no"`
	RefundStatus string `json:"refund_status"`
	Amount       struct {
		Total  int64 `json:"total"`
		Refund int64 `json:"refund"`
	} `json:"amount"`
}

// Notification verifies and decrypts what was posted to the notify URL; body is the raw body, byte
// for byte. The error wraps [ErrNotAuthentic] or [ErrUnreadable].
func (c *Client) Notification(header http.Header, body []byte) (domain.Notification, error) {
	if len(body) > maxNotification {
		return domain.Notification{}, fmt.Errorf("%w: it is too large", ErrUnreadable)
	}
	if err := c.verify(header, body); err != nil {
		return domain.Notification{}, fmt.Errorf("%w: %w", ErrNotAuthentic, err)
	}
	n, err := c.decode(body)
	if err != nil {
		return domain.Notification{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return n, nil
}

// decode reads a verified body. The event type outside the cipher has to agree with the status
// inside, so that neither can be swapped alone.
func (c *Client) decode(body []byte) (domain.Notification, error) {
	var outer notificationBody
	if err := json.Unmarshal(body, &outer); err != nil {
		return domain.Notification{}, errors.New("body is not a notification")
	}
	if outer.ID == "" || len(outer.ID) > 64 {
		return domain.Notification{}, errors.New("id is missing or too long")
	}
	if outer.Resource.Algorithm != algorithm {
		return domain.Notification{}, errors.New("resource is not encrypted with " + algorithm)
	}
	plain, err := c.decrypt(outer.Resource.Ciphertext, outer.Resource.Nonce, outer.Resource.AssociatedData)
	if err != nil {
		return domain.Notification{}, err
	}
	var inner notifiedRefund
	if err := json.Unmarshal(plain, &inner); err != nil {
		return domain.Notification{}, errors.New("resource is not a refund")
	}
	if inner.MchID != c.merchantID {
		return domain.Notification{}, errors.New("refund is another merchant's")
	}
	status, err := statusOf(inner.RefundStatus)
	if err != nil || outer.EventType != "REFUND."+inner.RefundStatus {
		return domain.Notification{}, errors.New("event type and refund status do not agree")
	}
	return domain.Notification{
		Provider:         Provider,
		ID:               outer.ID,
		RefundNumber:     inner.OutRefundNo,
		PaymentReference: inner.OutTradeNo,
		Status:           status,
		Amount:           inner.Amount.Refund,
		PaymentTotal:     inner.Amount.Total,
	}, nil
}

func (c *Client) decrypt(ciphertext, nonce, associated string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(ciphertext)
	if err != nil {
		return nil, errors.New("ciphertext is not base64")
	}
	block, err := aes.NewCipher(c.apiv3Key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(nonce) != gcm.NonceSize() {
		return nil, errors.New("nonce must have 12 bytes")
	}
	plain, err := gcm.Open(nil, []byte(nonce), sealed, []byte(associated))
	if err != nil {
		return nil, errors.New("resource cannot be decrypted")
	}
	return plain, nil
}
