package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
)

// Person is somebody with a token who speaks to the API in plain JSON and asks again when nobody answers, as those who
// watch a system being broken have to. It is safe for concurrent use.
type Person struct {
	url      string
	patience time.Duration
	http     *httpclient.Client
}

// Person returns somebody of a role, who asks for the same thing for as long as patience.
func (d Door) Person(merchant, role, subject string, patience time.Duration) (Person, error) {
	token, err := d.Keys.Token(access.Principal{Subject: subject, MerchantID: merchant, Roles: []string{role}}, 24*time.Hour)
	if err != nil {
		return Person{}, fmt.Errorf("sign a token: %w", err)
	}
	return Person{url: d.URL, patience: patience, http: httpclient.New(httpclient.Options{
		BaseURL: d.URL, Token: config.Secret(token), Timeout: 30 * time.Second, Transport: d.Transport,
	})}, nil
}

// At is the same person at another address, where the token is not shown.
func (p Person) At(url string) Person {
	p.url = url
	return p
}

// Ask asks until somebody answers, and decodes a success into out unless that is nil. A body of bytes is sent as a photo,
// anything else as JSON. Without a key there is no Idempotency-Key. A refusal is a [*problem.Error].
func (p Person) Ask(ctx context.Context, method, path, key string, body, out any) error {
	_, err := p.Answer(ctx, method, path, key, body, out)
	return err
}

// Answer is [Person.Ask] with the status of the answer.
func (p Person) Answer(ctx context.Context, method, path, key string, body, out any) (status int, err error) {
	content, contentType := []byte(nil), "application/json"
	switch body := body.(type) {
	case nil:
	case []byte:
		content, contentType = body, "image/png"
	default:
		if content, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	err = Persist(ctx, p.patience, func() error {
		request, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(content))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", contentType)
		if key != "" {
			request.Header.Set("Idempotency-Key", key)
		}
		status, err = p.once(request, out)
		return err
	})
	return status, err
}

func (p Person) once(request *http.Request, out any) (status int, err error) {
	answer, err := p.http.Do(request)
	if err != nil {
		return 0, err
	}
	said, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return 0, err
	}
	if err := httpclient.CheckStatus(answer.StatusCode, said); err != nil {
		return answer.StatusCode, err
	}
	if out == nil || len(said) == 0 {
		return answer.StatusCode, nil
	}
	return answer.StatusCode, json.Unmarshal(said, out)
}
