"""What a plan has to be, one rule by one. All of it is pure: a draft, the request and the ground in, marks out."""
