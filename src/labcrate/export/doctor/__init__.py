"""What a lab, or one session, has that a person should look at: findings, each with its remedy."""
