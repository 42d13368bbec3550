package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/client"
	"stockhold/internal/display"
)

type holdTry struct {
	Owner     string        `default:"default" help:"Whose hold it is."`
	ID        string        `name:"id" placeholder:"ID" help:"Its reservation_id. Default: a new one, which is told."`
	SKU       []string      `name:"sku" sep:"none" placeholder:"SKU=N" help:"What, and how many; may be given more than once."`
	Location  string        `short:"l" default:"default" help:"Where, for --sku."`
	Line      []string      `sep:"none" placeholder:"LOCATION/SKU=N" help:"The same with a location of its own; may be given more than once."`
	TTL       time.Duration `name:"ttl" placeholder:"DURATION" help:"How long to hold. Default: as the server is set up, 15m."`
	OnExpiry  string        `default:"default" enum:"default,ask,release,confirm" placeholder:"WHAT" help:"What happens after that: ask the owner, release or confirm. Default: ask where the owner can be asked, else release."`
	Reference string        `help:"A note, shown with the hold: an order number."`
	output    `embed:""`
}

func (holdTry) Help() string {
	return `Holds all lines or none.

Examples:

    stockhold hold try --sku mug=2 --sku spoon=1
    stockhold hold try --owner orders --id order-4711 --line berlin/mug=2 --line paris/mug=1 --ttl 10m`
}

func (c holdTry) Run(ctx context.Context, env *environment) error {
	lines, err := c.lines()
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	request := &stockholdv1.TryRequest{
		ReservationId: c.ID, Owner: c.Owner, Lines: lines, Reference: c.Reference,
		OnExpiry: stockholdv1.OnExpiry(stockholdv1.OnExpiry_value["ON_EXPIRY_"+strings.ToUpper(c.OnExpiry)]), // default is none of them
	}
	if c.TTL != 0 {
		request.Ttl = durationpb.New(c.TTL)
	}
	if c.ID == "" {
		request.ReservationId = uuid.NewString()
	}
	return calling(env, func(server *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, env.cfg.Client.Timeout)
		defer cancel()
		answer, err := server.Reservations.Try(ctx, request)
		if err != nil {
			return withID(err, "--id", request.GetReservationId())
		}
		sayReplayed(answer.GetReplayed())
		return c.one(env.out, answer, func() error {
			err := display.Reservation(env.out, answer.GetReservation(), "")
			if answer.GetReservation().GetState() == stockholdv1.State_STATE_RESERVED {
				sayNext(answer.GetReservation())
			}
			return err
		})
	})
}

func (c holdTry) lines() ([]*stockholdv1.Line, error) {
	var lines []*stockholdv1.Line
	add := func(flag, location, text string) error {
		line, err := parseLine(location, text)
		if err != nil {
			return fmt.Errorf("%s %q: %w", flag, text, err)
		}
		lines = append(lines, line)
		return nil
	}
	for _, text := range c.SKU {
		if err := add("--sku", c.Location, text); err != nil {
			return nil, err
		}
	}
	for _, text := range c.Line {
		location, rest, ok := strings.Cut(text, "/")
		if !ok || location == "" {
			return nil, fmt.Errorf("--line %q: want LOCATION/SKU=N", text)
		}
		if err := add("--line", location, rest); err != nil {
			return nil, err
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("what is to be held? Name it with --sku SKU=N")
	}
	return lines, nil
}

// parseLine reads SKU=N. A sku may hold a =, a number does not.
func parseLine(location, text string) (*stockholdv1.Line, error) {
	at := strings.LastIndex(text, "=")
	if at < 1 {
		return nil, fmt.Errorf("want SKU=N")
	}
	quantity, err := strconv.ParseInt(text[at+1:], 10, 32)
	if err != nil || quantity < 1 {
		return nil, fmt.Errorf("%q is no number of units: want 1 to 1000000000", text[at+1:])
	}
	return &stockholdv1.Line{Sku: text[:at], LocationId: location, Quantity: int32(quantity)}, nil
}

// ago is a moment of this machine's past. It narrows what is shown, and decides
// nothing.
func ago(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(-d)) }
