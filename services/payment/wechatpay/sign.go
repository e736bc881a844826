package wechatpay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Tolerance is how far the timestamp of a signed message may be from our clock, in either direction.
// The provider's own client library uses the same five minutes.
const Tolerance = 5 * time.Minute

// Reasons why a signed message is not believed. They are one error to the sender.
var (
	errUnsigned      = errors.New("signature headers are missing or malformed")
	errStale         = errors.New("timestamp is more than five minutes from now")
	errUnknownSerial = errors.New("signed with a key that is not configured")
	errForged        = errors.New("signature does not fit the content")
)

// requestMessage is what the merchant signs: method, path with query, timestamp, nonce and body,
// each followed by a newline.
func requestMessage(method, uri, timestamp, nonce string, body []byte) []byte {
	return fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s\n", method, uri, timestamp, nonce, body)
}

// answerMessage is what the platform signs, in answers and in notifications alike.
func answerMessage(timestamp, nonce string, body []byte) []byte {
	return fmt.Appendf(nil, "%s\n%s\n%s\n", timestamp, nonce, body)
}

// authorization returns the Authorization header of a request.
func (c *Client) authorization(method, uri, nonce string, at time.Time, body []byte) (string, error) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	digest := sha256.Sum256(requestMessage(method, uri, timestamp, nonce, body))
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.privateKey, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	return fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",timestamp="%s",serial_no="%s",signature="%s"`,
		c.merchantID, nonce, timestamp, c.merchantSerial, base64.StdEncoding.EncodeToString(signature)), nil
}

// verify tells whether the platform signed exactly this body, lately, with a key that we know. The
// serial in the header selects the key, because two are in use while the platform changes keys.
func (c *Client) verify(header http.Header, body []byte) error {
	timestamp, nonce := header.Get("Wechatpay-Timestamp"), header.Get("Wechatpay-Nonce")
	signature, err := base64.StdEncoding.DecodeString(header.Get("Wechatpay-Signature"))
	if err != nil || len(signature) == 0 || nonce == "" {
		return errUnsigned
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errUnsigned
	}
	if off := c.now().Sub(time.Unix(seconds, 0)); off >= Tolerance || off <= -Tolerance {
		return errStale
	}
	key, known := c.platformKeys[header.Get("Wechatpay-Serial")]
	if !known {
		return errUnknownSerial
	}
	digest := sha256.Sum256(answerMessage(timestamp, nonce, body))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return errForged
	}
	return nil
}
