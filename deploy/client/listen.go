package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/httpclient"
)

// Listen reads the live progress of a case from its beginning until the case is closed.
func (c *Client) Listen(ctx context.Context, id string, tell func(cases.Entry)) error {
	answer, err := c.stream.StreamEvents(ctx, id, &api.StreamEventsParams{})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return httpclient.CheckStatus(answer.StatusCode, nil)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var entry cases.Entry
		if err := json.Unmarshal([]byte(data), &entry); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		tell(entry)
	}
	return lines.Err()
}
