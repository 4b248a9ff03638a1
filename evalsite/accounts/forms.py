"""Signing up."""

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm

from evalsite.accounts.models import User


class SignUpForm(BaseUserCreationForm):
    class Meta:
        model = User
        fields = ["email"]
        widgets = {"email": forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True})}

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(
                "There is an account with this address already. Log in, or reset its password."
            )
        return email
