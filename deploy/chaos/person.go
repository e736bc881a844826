package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"aftercare.dev/deploy/client"
	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

// person is somebody with a token, who asks again when nobody answers. It is safe for concurrent use.
type person struct {
	url  string
	http *httpclient.Client
}

// patience is how long a person asks for the same thing.
const patience = 5 * time.Minute

func newPerson(door client.Door, merchant, role string) (person, error) {
	token, err := door.Keys.Token(access.Principal{Subject: role + "-1", MerchantID: merchant, Roles: []string{role}}, 24*time.Hour)
	if err != nil {
		return person{}, fmt.Errorf("sign a token: %w", err)
	}
	return person{url: door.URL, http: httpclient.New(httpclient.Options{
		BaseURL: door.URL, Token: config.Secret(token), Timeout: 30 * time.Second, Transport: door.Transport,
	})}, nil
}

// ask asks until somebody answers, and decodes a success into out unless that is nil. A refusal is a [*problem.Error].
func (p person) ask(ctx context.Context, method, path, key string, body, out any) (status int, err error) {
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	err = client.Persist(ctx, patience, func() (err error) {
		status, err = p.once(ctx, method, path, key, content, out)
		return err
	})
	return status, err
}

func (p person) once(ctx context.Context, method, path, key string, content []byte, out any) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(content))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
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

// refusedWith tells that a request was answered with a refusal of this status.
func refusedWith(err error, status int) bool {
	p, ok := problem.As(err)
	return ok && p.Status == status
}
